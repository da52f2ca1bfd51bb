//! Error responses: a status and a JSON body with a short message, without internal details.

use crate::auth::Refused;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;

/// An error response: `{"ok":false,"error":"<message>"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    status: StatusCode,
    word: Cow<'static, str>,
    degraded: bool,
    retry_after: Option<u64>,
    /// Why the caller was not identified or not allowed; sets `WWW-Authenticate`.
    refused: Option<Refused>,
}

/// The seconds after which to retry a request that was refused for lack of room.
const RETRY_AFTER: u64 = 5;

/// The body, with its fields in this order.
#[derive(Serialize)]
struct Wire<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    error: &'a str,
}

impl Error {
    /// An error with this status and message.
    ///
    /// ```
    /// use http::StatusCode;
    /// use presence_axum::Error;
    /// let error = Error::new(StatusCode::NOT_FOUND, "no such room");
    /// assert_eq!((error.status(), error.word()), (StatusCode::NOT_FOUND, "no such room"));
    /// ```
    pub fn new(status: StatusCode, word: impl Into<Cow<'static, str>>) -> Self {
        Self { status, word: word.into(), degraded: false, retry_after: None, refused: None }
    }

    /// Sets `Retry-After`, in seconds. Default 5 for 429 and 503, none for other statuses.
    ///
    /// ```
    /// use presence_axum::Error;
    /// let error = Error::unavailable("no answer").retry_after(5);
    /// # let _ = error;
    /// ```
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// 400: the request must change.
    ///
    /// ```
    /// use presence_axum::Error;
    /// assert_eq!(Error::bad_request("no name").status(), http::StatusCode::BAD_REQUEST);
    /// ```
    pub fn bad_request(word: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, word)
    }

    /// 503: there is no room, or the service is not available at the moment.
    ///
    /// ```
    /// use presence_axum::Error;
    /// assert_eq!(Error::unavailable("no answer").status(), http::StatusCode::SERVICE_UNAVAILABLE);
    /// ```
    pub fn unavailable(word: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, word)
    }

    /// 403: the user was disconnected and may not return yet.
    ///
    /// ```
    /// use presence_axum::Error;
    /// assert_eq!((Error::blocked().status().as_u16(), Error::blocked().word()), (403, "blocked"));
    /// ```
    pub fn blocked() -> Self {
        Self::new(StatusCode::FORBIDDEN, "blocked")
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message.
    pub fn word(&self) -> &str {
        &self.word
    }
}

impl From<presence_core::Error> for Error {
    fn from(error: presence_core::Error) -> Self {
        match error {
            presence_core::Error::Invalid(invalid) => Self::bad_request(invalid.to_string()),
            presence_core::Error::Blocked { .. } => Self::blocked(),
            presence_core::Error::Full => Self::unavailable("full"),
            presence_core::Error::TooManyTopics => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too many topics")
            }
            presence_core::Error::ShuttingDown => Self::unavailable("shutting down"),
            presence_core::Error::Degraded(cause) => {
                tracing::debug!(%cause, "recorded in memory, not yet in the store");
                Self { degraded: true, ..Self::new(StatusCode::ACCEPTED, "not yet stored") }
            }
            other => {
                tracing::warn!(error = %other, "the store refused a request");
                Self::unavailable("store")
            }
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self { refused: Some(refused), ..Self::new(refused.status(), refused.to_string()) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let wire = Wire { ok: false, degraded: self.degraded, error: &self.word };
        let mut response = crate::wire::json(self.status, &wire);
        let asks_again =
            matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(seconds) = self.retry_after.or(asks_again.then_some(RETRY_AFTER)) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.refused.and_then(Refused::challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A handler for unknown paths: 404 as JSON. Pass it to `Router::fallback`.
///
/// ```
/// use axum::Router;
/// let app: Router = Router::new().fallback(presence_axum::not_found);
/// # let _ = app;
/// ```
pub async fn not_found() -> Error {
    Error::new(StatusCode::NOT_FOUND, "not found")
}

/// A handler for methods that a path does not support: 405 as JSON. Pass
/// it to `Router::method_not_allowed_fallback`.
///
/// ```
/// use axum::Router;
/// let app: Router = Router::new().method_not_allowed_fallback(presence_axum::method_not_allowed);
/// # let _ = app;
/// ```
pub async fn method_not_allowed() -> Error {
    Error::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
