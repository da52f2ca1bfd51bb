//! Job status over Server-Sent Events: any number of viewers on any instance, with resume.
//!
//! The library is the service without its process: `main` serves [`app`], and tests call it.

mod access;
mod api;
mod demo;
mod error;
mod intake;
mod job;
mod jobs;
#[cfg(feature = "pubsub")]
pub mod pull;
mod settings;
mod stores;
mod update;

pub use access::{Access, Push, Viewers};
pub use api::metrics::record;
pub use demo::Demo;
pub use error::Error;
pub use intake::{Intake, MAX_TRIES};
pub use job::JobId;
pub use jobs::{Created, Jobs};
pub use settings::{InvalidHost, Pubsub, Secret, Servers, Settings, Tokens};
pub use stores::{InvalidStores, Stores, policy, retention};
pub use update::{Problem, Status, Update};

pub(crate) use api::metrics::count;

use api::health::Probe;
use api::{events, health, jobs as api_jobs, metrics, page, push, updates};
use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use presence_axum::limits::{Client, Limiter, Quota, Rate};
use presence_axum::serve::Options;
use presence_axum::sse::{Ping, Replay};
use presence_axum::{Limits, Mount, PresenceLayer};
use presence_core::Presence;
use std::sync::Arc;
use std::time::Duration;

/// The reconnection times of clients: after a stream broke, and after the job has finished.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// The duration of each stage in the demo.
const DEMO_STEP: Duration = Duration::from_secs(2);

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    presence: Presence,
    jobs: Jobs,
    intake: Intake,
    replay: Replay,
    gate: Limiter,
    /// What the page at `/` reads viewers from.
    page: Mount,
    rate: Option<Arc<Rate>>,
    access: Access,
    probe: Probe,
    demo: Option<Demo>,
    backend: &'static str,
}

impl Service {
    /// The service on these stores, with these settings and access rules.
    pub fn new(stores: &Stores, settings: &Settings, access: Access) -> Self {
        let clock = stores.presence.clock();
        let jobs = Jobs::new(Arc::clone(&stores.broker), Arc::clone(clock), settings.retention());
        let replay = Replay::new(Arc::clone(&stores.broker))
            .clock(Arc::clone(clock))
            .payload(update::shown)
            .ping(Ping::Comment, settings.heartbeat())
            .ends_after(settings.connection_timeout())
            .retry(RETRY.0, RETRY.1);
        // Behind a proxy that `trusted_proxies` does not count, all clients share its address;
        // therefore clients are limited by rate only.
        let limits = Limits::default().streams_per_client(None).trusted_proxies(settings.trusted_proxies);
        let rate = Quota::per_minute(settings.rate_limit);
        Self {
            presence: stores.presence.clone(),
            intake: Intake::new(jobs.clone()),
            replay,
            page: page::mount(&stores.presence, Viewers::new(access.clone(), jobs.clone()), limits.clone()),
            gate: Limiter::new(limits),
            rate: rate.map(|quota| Arc::new(Rate::with(quota, Arc::clone(clock), Rate::MAX_KEYS))),
            access,
            probe: Probe::default(),
            demo: settings.demo.then(|| Demo::new(jobs.clone(), DEMO_STEP)),
            backend: stores.backend,
            jobs,
        }
    }

    /// The intake of Pub/Sub messages.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Counts a request of a client.
    fn admit(&self, request: &Request) -> Result<(), Error> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let proxies = self.gate.limits().trusted_proxies;
        let client = Client::of(request.extensions(), request.headers(), proxies);
        Ok(rate.check(&client)?)
    }
}

/// The options of the server: its own errors get the format of this service.
pub fn options(settings: &Settings) -> Options {
    let error_body = |words: &str| format!(r#"{{"error":"{words}"}}"#);
    Options::default().error_body(error_body).cors(settings.cors_origins.clone())
}

/// The endpoints, with CORS.
pub fn app(service: Service, settings: &Settings) -> Router {
    let page = service.page.routes();
    Router::new()
        .route("/api/v1/jobs", post(api_jobs::create))
        .route("/api/v1/jobs/{jobId}", get(api_jobs::status))
        .route("/api/v1/jobs/{jobId}/events", get(events::stream))
        .route("/api/v1/jobs/{jobId}/updates", post(updates::publish))
        .route("/pubsub/push", post(push::push))
        .route("/health", get(health::health))
        .route("/metrics", get(metrics::prometheus))
        .route("/", get(page::index))
        .route("/page.js", get(page::script))
        .route("/page.css", get(page::style))
        .nest("/page", page)
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(PresenceLayer::new().cors(settings.cors_origins.clone()))
        .with_state(service)
}
