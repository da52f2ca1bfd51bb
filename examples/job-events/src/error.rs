//! The error responses of this service: a status, and `{"error":"…"}`.

use crate::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence_axum::auth::Refused;
use presence_axum::limits::TooMany;
use presence_axum::{BodyError, wire};
use presence_core::store;
use serde::Serialize;
use std::borrow::Cow;

/// An error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A status and a message.
    Message(StatusCode, Cow<'static, str>),
    /// 400, with the invalid fields.
    Validation(Vec<Problem>),
    /// 429, with the seconds after which the client may retry.
    TooMany(u64),
    /// 401 or 403: the caller is not identified or not allowed.
    Refused(Refused),
}

/// The seconds after which to retry when the service is not available.
const RETRY_AFTER: u64 = 5;

impl Error {
    /// 404: the job is unknown.
    pub const UNKNOWN: Self = Self::Message(StatusCode::NOT_FOUND, Cow::Borrowed("Job not found"));
    /// 409: the job is completed or failed.
    pub const FINISHED: Self = Self::Message(StatusCode::CONFLICT, Cow::Borrowed("Job is finished"));

    /// 400: this field is invalid.
    pub fn field(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation(vec![Problem::new(field, message)])
    }

    fn unavailable(words: &'static str) -> Self {
        Self::Message(StatusCode::SERVICE_UNAVAILABLE, words.into())
    }
}

/// The broker's own message is only logged; the response asks to retry.
impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        tracing::warn!(%error, "the broker refused or failed a request");
        Self::unavailable("Service unavailable")
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Errors of the library's limits, in this service's format.
impl From<presence_axum::Error> for Error {
    fn from(error: presence_axum::Error) -> Self {
        Self::Message(error.status(), error.word().to_owned().into())
    }
}

impl From<TooMany> for Error {
    fn from(too_many: TooMany) -> Self {
        Self::TooMany(too_many.seconds())
    }
}

impl From<presence_core::Error> for Error {
    fn from(error: presence_core::Error) -> Self {
        presence_axum::Error::from(error).into()
    }
}

impl From<BodyError> for Error {
    fn from(bad: BodyError) -> Self {
        match bad {
            BodyError::TooLarge => Self::Message(StatusCode::PAYLOAD_TOO_LARGE, "Body too large".into()),
            BodyError::TooSlow => Self::Message(StatusCode::REQUEST_TIMEOUT, "Body too slow".into()),
            bad => Self::field("body", bad.to_string()),
        }
    }
}

impl From<presence_core::InvalidValue> for Error {
    fn from(invalid: presence_core::InvalidValue) -> Self {
        Self::field("jobId", invalid.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Wire<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            details: &'a [Problem],
        }
        let (status, error, details) = match &self {
            Self::Message(status, words) => (*status, &**words, &[][..]),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests", &[][..]),
            Self::Validation(problems) => (StatusCode::BAD_REQUEST, "Validation failed", &problems[..]),
            Self::Refused(refused) => return refused.into_response(),
        };
        let mut response = wire::json(status, &Wire { error, details });
        let retry_after = match self {
            Self::TooMany(seconds) => Some(seconds),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_AFTER),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The handler of unknown paths.
pub(crate) async fn not_found() -> Error {
    Error::Message(StatusCode::NOT_FOUND, "Not found".into())
}

/// The handler of methods that a path does not support.
pub(crate) async fn method_not_allowed() -> Error {
    Error::Message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed".into())
}
