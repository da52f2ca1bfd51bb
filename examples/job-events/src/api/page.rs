//! The page that creates a job and follows it, and the routes that it uses.

use crate::Viewers;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};
use presence_axum::{Limits, Mount, Route};
use presence_core::Presence;

/// `GET /`.
pub(crate) async fn index() -> Response {
    presence_axum::assets::html(include_str!("../../assets/index.html"))
}

/// `GET /page.js`.
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))
}

/// `GET /page.css`.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../../assets/page.css"))
}

/// What is served below `/page`: `presence.js`, and the stream by which it shows how many
/// watch a job.
///
/// It only reads: the stream of a job is what makes a viewer present. Its streams have a limiter of
/// their own, so that `active_connections` counts the streams of jobs alone.
pub(crate) fn mount(presence: &Presence, viewers: Viewers, limits: Limits) -> Mount {
    let mount = Mount::new(presence.clone()).identify(viewers.clone()).authorize(viewers);
    mount.limits(limits).only([Route::Client, Route::Stream])
}

/// Revalidated at each use, so that the page never runs with a script of another version.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
