//! How things stand, for people and for load balancers.

use crate::auth::Resource;
use crate::rest::Asks;
use crate::wire::{self, view_word};
use crate::{Error, Mount};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use presence_core::{Presence, StoreHealth, View};
use serde::Serialize;

/// `GET /v1/health`: the store, the view, and how much is known. 200 however things stand; a
/// service's readiness is its own decision.
///
/// # Errors
/// 401, 403 and 429: who asks must be allowed to read about everyone.
pub async fn report(State(mount): State<Mount>, asks: Asks) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Wire {
        ok: bool,
        store: &'static str,
        view: &'static str,
        stale_since: Option<u64>,
        sessions: usize,
        users: usize,
        topics: usize,
    }
    asks.reads(&mount, Resource::Everyone).await?;
    let health = mount.presence().health();
    let wire = Wire {
        ok: true,
        store: match health.store {
            StoreHealth::Up => "up",
            StoreHealth::Down { .. } => "down",
        },
        view: view_word(health.view),
        stale_since: match health.view {
            View::Fresh => None,
            View::Stale { since } => Some(since.as_millis()),
        },
        // What a hidden user does must not be seen in sums either.
        sessions: health.shown_sessions,
        users: health.users,
        topics: health.shown_topics,
    };
    Ok(wire::json(StatusCode::OK, &wire))
}

/// `GET /healthz`: the process runs.
#[expect(clippy::unused_async, reason = "a handler is async")]
pub async fn alive() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, r#"{"ok":true}"#)
}

/// `GET /readyz` of a service whose readiness is that its store answers and its view is fresh: 200,
/// or 503 `not ready`.
///
/// # Errors
/// 503 while it is not so.
pub async fn ready(State(presence): State<Presence>) -> Result<impl IntoResponse, Error> {
    let health = presence.health();
    if health.store == StoreHealth::Up && health.view == View::Fresh {
        Ok(alive().await)
    } else {
        Err(Error::unavailable("not ready"))
    }
}
