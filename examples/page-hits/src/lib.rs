//! Page presence: receives hits, and streams the total and the top pages. Runs on Redis
//! or in memory.
//!
//! The library is the service without its process: `main` serves [`app`], and tests call it.

mod degraded;
mod hit;
mod online;
mod probe;
mod settings;
mod store;
mod visit;

pub use probe::Probe;
pub use settings::{InvalidHost, Redis, Secret, Settings};
pub use store::{InvalidRedis, open};

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use degraded::Degradations;
use presence_axum::limits::Limiter;
use presence_axum::sse::Ticker;
use presence_axum::{Cors, Limits, PresenceLayer, health, method_not_allowed, not_found};
use presence_core::{Policy, Presence};
use std::sync::Arc;
use std::time::Duration;

/// How long an unload waits before it takes effect, so that a reload does not show
/// the visitor leave.
const GRACE: Duration = Duration::from_secs(5);

/// The windows of this service: online for `ttl` after a hit.
pub fn policy(ttl: Duration) -> Policy {
    Policy::default().lease_for(ttl).grace(GRACE.min(ttl / 2))
}

/// What the handlers share.
#[derive(Clone)]
struct Service {
    presence: Presence,
    probe: Probe,
    degradations: Arc<Degradations>,
    gate: Limiter,
    online: Ticker,
}

impl FromRef<Service> for Probe {
    fn from_ref(service: &Service) -> Self {
        service.probe.clone()
    }
}

impl FromRef<Service> for Limiter {
    fn from_ref(service: &Service) -> Self {
        service.gate.clone()
    }
}

impl FromRef<Service> for Ticker {
    fn from_ref(service: &Service) -> Self {
        service.online.clone()
    }
}

/// The service: its endpoints, and CORS for `cors`. `probe` checks whether the store
/// of `presence` answers.
pub fn app(presence: Presence, probe: Probe, cors: Cors) -> Router {
    // On Cloud Run all clients share a few addresses, so limits per client would lock viewers out.
    let limits = Limits::shared();
    let service = Service {
        online: online::ticker(&presence),
        gate: Limiter::new(limits),
        degradations: Arc::default(),
        presence,
        probe,
    };
    Router::new()
        .route("/v1/hit", post(hit::hit))
        .route("/sse/online", get(online::online))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(probe::ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(PresenceLayer::new().cors(cors.echoing()))
        .with_state(service)
}
