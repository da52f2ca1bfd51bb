//! The demo: two people side by side, and what each sees of the other.
//!
//! The library is the service without its process: [`app`] is what `main` serves and what tests
//! call.

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

/// Windows short enough to be watched.
///
/// - `active_for` 10 s: hands off the keyboard, and ten seconds later the others see one turn idle.
/// - `lease_for` 15 s: the page beats every two fifths of it, so that a lost beat is forgiven. Only
///   a tab that was killed waits for it.
/// - `grace` 1 s: a reload takes less, so it does not flicker; a tab that is closed goes almost at
///   once.
pub fn policy() -> Policy {
    Policy {
        active_for: Duration::from_secs(10),
        lease_for: Duration::from_secs(15),
        grace: Duration::from_secs(1),
        ..Policy::default()
    }
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

/// The page, all of our routes with who types on their sockets, and what the demo adds: counts of
/// the last minutes, and simulated people on request.
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
