//! Errors as they are answered: a status, and JSON that says one short thing and nothing of the
//! inside.

use crate::auth::Refused;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use presence_core::handle;
use serde::Serialize;
use std::borrow::Cow;

/// An error answer: `{"ok":false,"error":"<short word>"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    status: StatusCode,
    word: Cow<'static, str>,
    degraded: bool,
    retry_after: Option<u64>,
    /// Why it is not known who calls, or why they may not; for `WWW-Authenticate`.
    refused: Option<Refused>,
}

/// After how many seconds a client that was refused for want of room should ask again.
const RETRY_AFTER: u64 = 5;

/// The body on the wire, in this order.
#[derive(Serialize)]
struct Wire<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    error: &'a str,
}

impl Error {
    /// An error of this status and these words.
    pub fn new(status: StatusCode, word: impl Into<Cow<'static, str>>) -> Self {
        Self { status, word: word.into(), degraded: false, retry_after: None, refused: None }
    }

    /// Says after how many seconds to ask again. Default 5 for 429 and 503, and nothing for others.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// 400: the request must change.
    pub fn bad_request(word: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, word)
    }

    /// 503: there is no room, or no service, at the moment.
    pub fn unavailable(word: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, word)
    }

    /// 403: the user was disconnected, and may not come back yet.
    pub fn blocked() -> Self {
        Self::new(StatusCode::FORBIDDEN, "blocked")
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The words.
    pub fn word(&self) -> &str {
        &self.word
    }
}

impl From<handle::Error> for Error {
    fn from(error: handle::Error) -> Self {
        match error {
            handle::Error::Invalid(invalid) => Self::bad_request(invalid.to_string()),
            handle::Error::Blocked { .. } => Self::blocked(),
            handle::Error::Full => Self::unavailable("full"),
            handle::Error::TooManyTopics => Self::new(StatusCode::TOO_MANY_REQUESTS, "too many topics"),
            handle::Error::ShuttingDown => Self::unavailable("shutting down"),
            handle::Error::Degraded(cause) => {
                tracing::debug!(%cause, "recorded here, not yet stored");
                Self { degraded: true, ..Self::new(StatusCode::ACCEPTED, "not yet stored") }
            }
            other => {
                tracing::warn!(error = %other, "a store refused");
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

/// A handler for paths that do not exist: 404, as JSON. Give it to `Router::fallback`.
pub async fn not_found() -> Error {
    Error::new(StatusCode::NOT_FOUND, "not found")
}

/// A handler for methods that a path does not have: 405, as JSON. Give it to
/// `Router::method_not_allowed_fallback`.
pub async fn method_not_allowed() -> Error {
    Error::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
