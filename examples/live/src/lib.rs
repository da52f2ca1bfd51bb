//! The demo: open it in two tabs.
//!
//! The library is the service without its process: [`app`] is what `main` serves and what tests call.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use presence_axum::{Mount, health, method_not_allowed, not_found, page};
use presence_core::{Policy, Presence};
use std::time::Duration;

/// Windows short enough to be watched.
///
/// - `active_for` 1 min: hands off the keyboard, and a minute later one sees oneself turn idle.
/// - `lease_for` 1 min: the page beats every two fifths of it, so that a lost beat is forgiven. Only a tab that was killed
///   waits for it.
/// - `grace` 2 s: a reload takes less, so it does not flicker; a tab that is closed goes almost at once.
pub fn policy() -> Policy {
    Policy {
        active_for: Duration::from_mins(1),
        lease_for: Duration::from_mins(1),
        grace: Duration::from_secs(2),
        ..Policy::default()
    }
}

/// The page, and all of our routes.
pub fn app(presence: Presence) -> Router {
    let own = Router::new()
        .route("/", get(index))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(presence.clone());
    Mount::new(presence).routes().merge(own).fallback(not_found)
}

async fn index() -> impl IntoResponse {
    page::html(include_str!("../assets/index.html"))
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
