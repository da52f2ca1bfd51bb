//! The page that creates a job and follows it.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};

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

/// Revalidated at each use, so that the page never runs with a script of another version.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
