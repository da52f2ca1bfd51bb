//! User status over HTTP, in a center and its leaves.
//!
//! The library is the service without its process: [`Service`] is the logic of a node,
//! [`app`] its endpoints.

mod api;
mod error;
pub mod logs;
pub mod lookaside;
pub mod node;
mod rights;
mod settings;
mod shown;
pub mod status;
pub mod statuses;

pub use api::metrics::record;
pub use error::Error;
pub use rights::{Writes, rule};
pub use settings::{CorsSettings, NodeType, Settings, StoreSettings};
pub use shown::Shown;
pub use statuses::Statuses;

use api::{health, metrics, read, write};
use axum::Router;
use axum::extract::{FromRef, State};
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderName, HeaderValue};
use presence_axum::auth::Auth;
use presence_axum::serve::Options;
use presence_axum::{Cors, PresenceLayer};
use presence_core::{UserId, store};
use std::sync::Arc;

/// The response header that tells that the view may be stale.
pub const VIEW: HeaderName = HeaderName::from_static("presence-view");

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    statuses: Statuses,
    auth: Auth,
    setting: &'static str,
}

impl Service {
    /// The service with these statuses; `auth` identifies callers.
    pub fn new(statuses: Statuses, auth: Auth) -> Self {
        Self(Arc::new(Inner { statuses, auth, setting: "memory" }))
    }

    /// Sets the name of the setting with the store's address, which errors and logs
    /// mention for operators.
    pub fn setting(self, setting: &'static str) -> Self {
        Self(Arc::new(Inner { statuses: self.0.statuses.clone(), auth: self.0.auth.clone(), setting }))
    }

    /// Logs at start whether the store answers, and if not, why.
    pub async fn log_whether_the_store_answers(self) {
        match self.0.statuses.probe().await {
            Ok(()) => tracing::info!(setting = self.0.setting, "the store answers"),
            Err(error) => {
                let cause = error::chain(&error);
                tracing::error!("the store does not answer, retrying: {}: {cause}", self.0.setting);
            }
        }
    }

    /// The response when the store did not answer.
    fn unanswered(&self, error: &store::Error) -> Error {
        Error::store(error, self.0.setting)
    }

    /// The statuses.
    pub fn statuses(&self) -> &Statuses {
        &self.0.statuses
    }

    /// Authentication and authorization.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// The current status of these users; an error if any of them cannot be read.
    async fn read(&self, users: &[UserId]) -> Result<Vec<Option<Arc<Shown>>>, Error> {
        self.0.statuses.lookaside().read(users).await.map_err(|error| self.unanswered(&error))
    }
}

impl FromRef<Service> for Auth {
    fn from_ref(service: &Service) -> Self {
        service.0.auth.clone()
    }
}

/// The endpoints, with CORS for `cors`.
pub fn app(service: Service, cors: Option<Cors>) -> Router {
    let edge = cors.map_or_else(PresenceLayer::new, |cors| PresenceLayer::new().cors(cors));
    let named = || get(read::one).put(write::one).delete(write::clear);
    // Not nested: that would take 5,000 instructions of each request.
    let presence = Router::new()
        .route("/api/v2/presence", get(read::several))
        .route("/api/v2/presence/{userID}", named().post(write::one))
        // For these two names `POST` has another meaning; all other methods are about a user with
        // that name.
        .route("/api/v2/presence/batch", named().post(write::several))
        .route("/api/v2/presence/query", named().post(read::queried))
        .layer(map_response_with_state(service.clone(), say_view));
    presence
        .route("/api/v2/cache/metrics", get(metrics::cache))
        .route("/health", get(health::alive))
        .route("/health/liveness", get(health::alive))
        .route("/health/readiness", get(health::ready))
        .route("/metrics", get(metrics::prometheus))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(edge)
        .with_state(service)
}

/// The options of the server: the head of a request may name a thousand users, and the server's own
/// errors get the format of this service.
pub fn server(cors: Option<Cors>) -> Options {
    let error_body = |words: &str| format!(r#"{{"error":"{words}"}}"#);
    Options::default().max_head(96 * 1024).error_body(error_body).cors(cors)
}

async fn say_view(State(service): State<Service>, mut response: Response) -> Response {
    if service.0.statuses.lookaside().is_stale() {
        response.headers_mut().insert(VIEW, HeaderValue::from_static("stale"));
    }
    response
}
