//! The errors that the server answers by itself, before a request reaches the app.

use super::Options;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::fmt::Write;

/// Makes the body of an error that the server answers by itself, in the service's own JSON format.
pub type ErrorBody = fn(&str) -> String;

/// `{"ok":false,"error":"…"}`, the shape of this crate's wire format. The words need no escapes.
///
/// ```
/// use presence_axum::serve;
/// assert_eq!(serve::error_body("full"), r#"{"ok":false,"error":"full"}"#);
/// let own_format = |words: &str| format!(r#"{{"detail":"{words}"}}"#);
/// let options = serve::Options::default().error_body(own_format);
/// # let _ = options;
/// ```
pub fn error_body(words: &str) -> String {
    format!(r#"{{"ok":false,"error":"{words}"}}"#)
}

/// Answers `status` with these words, and closes the connection.
pub(super) fn response(status: StatusCode, words: &str, options: &Options) -> Response {
    let mut response = Response::new(Body::from((options.error_body)(words)));
    *response.status_mut() = status;
    *response.headers_mut() = headers(status, options);
    response
}

/// The same as bytes, for connections whose request could not be parsed.
pub(super) fn bytes(status: StatusCode, words: &str, options: &Options) -> Vec<u8> {
    let body = (options.error_body)(words);
    let mut head =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    for (name, value) in &headers(status, options) {
        let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = write!(head, "content-length: {}\r\n\r\n{body}", body.len());
    head.into_bytes()
}

fn headers(status: StatusCode, options: &Options) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if let Some(cors) = &options.cors {
        // The origin of the request was not read, or cannot be trusted: with a list of several
        // origins, none is named.
        cors.answer(None, &mut headers);
    }
    headers
}

/// Checks what hyper leaves to the server: RFC 9112 wants one `Host` (3.2) and no transfer coding
/// that it does not know (6.1).
pub(super) fn check<B>(request: &http::Request<B>) -> Result<(), (StatusCode, &'static str)> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    // Before HTTP/1.1 there was no such header.
    let needs_host = request.version() >= http::Version::HTTP_11;
    if second.is_some() || (first.is_none() && needs_host) {
        return Err((StatusCode::BAD_REQUEST, "one Host header is required"));
    }
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    if let Some(first) = codings.next() {
        let is_chunked = first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !is_chunked || codings.next().is_some() {
            return Err((StatusCode::NOT_IMPLEMENTED, "unknown transfer coding"));
        }
    }
    Ok(())
}
