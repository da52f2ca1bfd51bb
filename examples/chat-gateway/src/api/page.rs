//! The demo page with two users side by side, and the routes that it uses.

use crate::access;
use axum::response::Response;
use presence_axum::{Limits, Mount, Route};

/// `GET /`.
pub(crate) async fn index() -> Response {
    presence_axum::assets::html(include_str!("../../assets/index.html"))
}

/// The routes below `/page`: `presence.js`, and the stream of the users of a room.
///
/// It only reads. A connection of the gateway is what makes somebody present; a hit would bring a
/// meta of the caller's choice, in which this service keeps the names that others see. Its streams
/// have a limiter of their own, so that `active_connections` counts sockets alone.
pub(crate) fn mount(gateway: &Mount, limits: Limits) -> Mount {
    let mount = gateway.clone().authorize(access::watching()).limits(limits);
    mount.only([Route::Client, Route::Stream])
}
