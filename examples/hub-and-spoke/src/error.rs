//! The error responses of this service: a status, and `{"error":"…"}`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence_axum::auth::Refused;
use presence_axum::{BodyError, wire};
use presence_core::{UserId, store};
use serde::Serialize;
use std::borrow::Cow;

/// An error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A status and a message of this service.
    Message(StatusCode, Cow<'static, str>),
    /// 401 or 403: the caller is not identified or not allowed.
    Refused(Refused),
}

/// The body of an error response.
#[derive(Serialize)]
struct Wire<'a> {
    error: &'a str,
}

impl Error {
    /// 400: the request must change.
    pub fn bad_request(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, words.into())
    }

    /// 404: this user has no status.
    pub fn unknown(user: &UserId) -> Self {
        Self::Message(StatusCode::NOT_FOUND, format!("presence not found for user {user}").into())
    }

    /// 503: the store does not answer. The store's message contains no address or secret; `setting`
    /// names the setting to check.
    pub fn store(error: &store::Error, setting: &str) -> Self {
        tracing::debug!(cause = chain(error), setting, "the store did not answer");
        let words = format!("the store does not answer: {setting}: {error}");
        Self::Message(StatusCode::SERVICE_UNAVAILABLE, words.into())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    // Some libraries repeat the cause in the message of the error.
    words.dedup_by(|cause, error| error.contains(cause.as_str()));
    words.join(": ")
}

impl From<BodyError> for Error {
    fn from(bad: BodyError) -> Self {
        let status = match bad {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::Message(status, bad.to_string().into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Self::Message(status, words) => (status, words),
            Self::Refused(refused) => return refused.into_response(),
        };
        let mut response = wire::json(status, &Wire { error: &words });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// The handler of unknown paths.
pub async fn not_found() -> Error {
    Error::Message(StatusCode::NOT_FOUND, "not found".into())
}

/// The handler of methods that a path does not support.
pub async fn method_not_allowed() -> Error {
    Error::Message(StatusCode::METHOD_NOT_ALLOWED, "method not allowed".into())
}
