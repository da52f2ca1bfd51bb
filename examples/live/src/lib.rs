//! The demo: two users side by side, and what each sees of the other.
//!
//! The library is the service without its process: `main` serves [`app`], and tests call it.

mod crowd;
mod history;

use axum::Router;
use axum::extract::FromRef;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use crowd::Crowd;
use history::History;
use presence_axum::{Mount, assets, health, method_not_allowed, not_found};
use presence_core::{Policy, Presence};
use presence_memory::MemoryBroker;
use std::time::Duration;

/// Windows that are short enough to watch.
///
/// - `active_for` 10 s: ten seconds after the last activity, the others see a user turn idle.
/// - `lease_for` 15 s: the page sends a heartbeat every two fifths of it, so that one may be lost.
///   Only a tab that was killed stays for the whole lease.
/// - `grace` 1 s: longer than a reload takes, so that it does not flicker, and short enough for
///   closed tabs to leave almost at once.
pub fn policy() -> Policy {
    Policy::default()
        .active_for(Duration::from_secs(10))
        .lease_for(Duration::from_secs(15))
        .grace(Duration::from_secs(1))
}

/// What the demo's own handlers share.
#[derive(Clone)]
struct Demo {
    presence: Presence,
    history: History,
    crowd: Crowd,
}

impl FromRef<Demo> for Presence {
    fn from_ref(demo: &Demo) -> Self {
        demo.presence.clone()
    }
}

impl FromRef<Demo> for History {
    fn from_ref(demo: &Demo) -> Self {
        demo.history.clone()
    }
}

impl FromRef<Demo> for Crowd {
    fn from_ref(demo: &Demo) -> Self {
        demo.crowd.clone()
    }
}

/// The page, all routes of the mount with typing on their sockets, and the additions of the demo: a
/// history of counts, and simulated users on request.
pub fn app(presence: Presence) -> Router {
    let history = History::of(&presence);
    let demo = Demo { presence: presence.clone(), history, crowd: Crowd::default() };
    let own = Router::new()
        .route("/", get(index))
        .route("/history", get(history::get))
        .route("/crowd", post(crowd::post))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(demo);
    Mount::new(presence).broker(MemoryBroker::new()).routes().merge(own).fallback(not_found)
}

async fn index() -> impl IntoResponse {
    assets::html(include_str!("../assets/index.html"))
}
