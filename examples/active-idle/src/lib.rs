//! Active and idle visitors: a heartbeat endpoint and a stream of who is online, without an
//! external store.
//!
//! The library is the service without its process: `main` serves [`app`], and tests call it.

mod hit;
mod online;
mod settings;

pub use settings::Settings;

use axum::extract::FromRef;
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use presence_axum::limits::Limiter;
use presence_axum::sse::Ticker;
use presence_axum::{Cors, Limits, PresenceLayer, assets, health, method_not_allowed, not_found};
use presence_core::{Policy, Presence};
use std::time::Duration;

/// The windows of this service: online for 60 s after a hit, active for 5 min after
/// the last activity.
///
/// Visitors never send a leave, so there is no grace.
pub fn policy() -> Policy {
    Policy::default()
        .lease_for(Duration::from_mins(1))
        .active_for(Duration::from_mins(5))
        .grace(Duration::ZERO)
}

/// What the handlers share.
#[derive(Clone)]
struct Service {
    presence: Presence,
    gate: Limiter,
    online: Ticker,
}

impl FromRef<Service> for Presence {
    fn from_ref(service: &Service) -> Self {
        service.presence.clone()
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

/// The service: its endpoints, its page, and CORS for `cors`.
///
/// An event of the stream has at most `max_frame` bytes.
pub fn app(presence: Presence, cors: Cors, max_frame: usize) -> Router {
    // On Cloud Run all clients share a few addresses, so limits per client would lock visitors out.
    let limits = Limits::shared();
    let service =
        Service { online: online::ticker(&presence, max_frame), gate: Limiter::new(limits), presence };
    Router::new()
        .route("/v1/hit", post(hit::hit))
        .route("/sse/online", get(online::online))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::alive))
        .route("/", get(index))
        .route("/presence.js", get(assets::presence_js))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(PresenceLayer::new().cors(cors))
        .with_state(service)
}

async fn index() -> impl IntoResponse {
    assets::html(include_str!("../assets/index.html"))
}
