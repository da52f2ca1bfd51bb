//! The page that creates a job and follows it.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

/// The page runs only what comes from here: no script and no style stands in it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `GET /`.
pub(crate) async fn index() -> Response {
    let mut response = asset("text/html; charset=utf-8", include_str!("../../assets/index.html"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `GET /page.js`.
pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))
}

/// `GET /page.css`.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../../assets/page.css"))
}

/// Asked for anew each time, so that the page and its script never differ in age.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
