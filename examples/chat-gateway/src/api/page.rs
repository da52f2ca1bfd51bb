//! The demo page with two users side by side, and what it reads presence from.

use crate::access;
use axum::response::Response;
use presence_axum::{Limits, Mount, Route};

/// `GET /`.
pub(crate) async fn index() -> Response {
    presence_axum::assets::html(include_str!("../../assets/index.html"))
}

/// What is served below `/page`: `presence.js`, and the stream by which it shows who is in a room.
///
/// It only reads. A connection of the gateway is what makes somebody present; a hit would bring a
/// meta of the caller's choice, in which this service keeps the names that others see. Its streams
/// have a limiter of their own, so that `active_connections` counts sockets alone.
pub(crate) fn mount(gateway: &Mount, limits: Limits) -> Mount {
    let mount = gateway.clone().authorize(access::watching()).limits(limits);
    mount.only([Route::Client, Route::Stream])
}
