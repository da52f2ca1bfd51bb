//! The browser's side: the client, and pages that use it.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

/// The text of `presence.js`, for hosts that bundle it.
pub const PRESENCE_JS: &str = include_str!("../assets/presence.js");

/// Serves `presence.js`.
pub async fn presence_js() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", PRESENCE_JS)
}

/// What a page may do: run what stands in it or comes from here, call here, and be framed by nobody.
///
/// `blob:` is the worker that `presence.js` makes for itself: it keeps the beats of a hidden tab on time.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// An HTML page of one file, with its script and style inside.
pub fn html(page: &'static str) -> Response {
    let mut response = asset("text/html; charset=utf-8", page);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// Asked for anew each time, so that a page and its script never differ in age.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
