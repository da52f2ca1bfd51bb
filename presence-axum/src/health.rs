//! Health and readiness, for people and for load balancers.

use crate::auth::Resource;
use crate::rest::QueryCaller;
use crate::wire::{self, view_word};
use crate::{Error, Mount};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use presence_core::{Presence, StoreHealth, View};
use serde::Serialize;

/// `GET /v1/health`: the state of the store, of the view and of the roster. Always 200; what counts
/// as ready is the service's own decision.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/health", get(presence_axum::health::report)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429: the caller must be allowed to read about everyone.
pub async fn report(State(mount): State<Mount>, caller: QueryCaller) -> Result<Response, Error> {
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
    caller.reads(&mount, Resource::Everyone).await?;
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
        // The count must not reveal hidden users either.
        sessions: health.shown_sessions,
        users: health.users,
        topics: health.shown_topics,
    };
    Ok(wire::json(StatusCode::OK, &wire))
}

/// `GET /healthz`: the process runs.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// use presence_axum::health;
/// Router::new()
///     .route("/healthz", get(health::alive))
///     .route("/readyz", get(health::ready))
///     .with_state(mount)
/// # }
/// ```
#[expect(clippy::unused_async, reason = "a handler is async")]
pub async fn alive() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, r#"{"ok":true}"#)
}

/// `GET /readyz` for a service that is ready when its store answers and its view is fresh: 200, or
/// 503 `not ready`.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/readyz", get(presence_axum::health::ready)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 503 while that is not the case.
pub async fn ready(State(presence): State<Presence>) -> Result<impl IntoResponse, Error> {
    let health = presence.health();
    if health.store == StoreHealth::Up && health.view == View::Fresh {
        Ok(alive().await)
    } else {
        Err(Error::unavailable("not ready"))
    }
}
