//! Servers of hits: ours, and handlers that do the least.

use crate::clock::Waking;
use crate::rest::SECRET;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use http::StatusCode;
use presence_axum::auth::Hs256;
use presence_axum::limits::Quota;
use presence_axum::{Cors, Limits, Mount};
use presence_core::Presence;

/// The allowed origin, which the clients send.
pub const ORIGIN: &str = "https://app.example";

/// The routes, as a host mounts them for pages of another origin.
pub fn mount(presence: Presence) -> Router {
    // All clients have one address here, so the limit is out of reach; the rate is still counted.
    let quota = Quota::per_second(10_000_000);
    let limits = Limits::shared().hits_per_client(quota).hits_per_user(quota);
    Mount::new(presence).limits(limits).cors(origin()).routes()
}

/// The same with all that a host may want: tokens, limits, and a metrics recorder.
pub fn full(presence: Presence, clock: &Waking) -> Router {
    hub_and_spoke::record();
    let quota = Quota::per_second(10_000_000);
    let limits = Limits::shared().hits_per_client(quota).hits_per_user(quota);
    let identify = Hs256::new(SECRET).clock(clock.clone());
    Mount::new(presence).limits(limits).identify(identify).cors(origin()).routes()
}

/// The example.
pub fn active_idle(presence: Presence) -> Router {
    active_idle::app(presence, origin(), 2 << 20)
}

#[expect(clippy::expect_used, reason = "the constant is an origin")]
fn origin() -> Cors {
    ORIGIN.parse().expect("an origin")
}

/// A handler that does nothing.
pub fn nothing() -> Router {
    Router::new().route("/v1/hit", post(async || StatusCode::NO_CONTENT))
}

/// A handler that reads the body and returns a constant: the least that any host would do.
pub fn reads() -> Router {
    async fn read(body: Bytes) -> impl IntoResponse {
        std::hint::black_box(body);
        ([(http::header::CONTENT_TYPE, "application/json")], r#"{"ok":true}"#)
    }
    Router::new().route("/v1/hit", post(read))
}
