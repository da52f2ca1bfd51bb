//! Errors as this service answers them: a status, and `{"error":"…"}`.

use crate::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence_axum::auth::Refused;
use presence_axum::limits::TooMany;
use presence_axum::{BodyError, wire};
use presence_core::store;
use serde::Serialize;
use std::borrow::Cow;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A status and words.
    Said(StatusCode, Cow<'static, str>),
    /// 400: these fields are wrong.
    Validation(Vec<Problem>),
    /// 429: after how many seconds the client may call again.
    TooMany(u64),
    /// Somebody who may not.
    Refused(Refused),
}

/// After how many seconds to try again what cannot be served at the moment.
const RETRY_AFTER: u64 = 5;

impl Error {
    /// 404: nobody has heard of the job.
    pub const UNKNOWN: Self = Self::Said(StatusCode::NOT_FOUND, Cow::Borrowed("Job not found"));
    /// 409: the job is completed or failed.
    pub const FINISHED: Self = Self::Said(StatusCode::CONFLICT, Cow::Borrowed("Job is finished"));

    /// 400: this field is wrong.
    pub fn field(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation(vec![Problem::new(field, message)])
    }

    fn unavailable(words: &'static str) -> Self {
        Self::Said(StatusCode::SERVICE_UNAVAILABLE, words.into())
    }
}

/// What a broker says of itself is for the log: callers learn that they should try again.
impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        tracing::warn!(%error, "the broker did not take it");
        Self::unavailable("Service unavailable")
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Limits of streams and requests, in this service's format.
impl From<presence_axum::Error> for Error {
    fn from(error: presence_axum::Error) -> Self {
        Self::Said(error.status(), error.word().to_owned().into())
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
            BodyError::TooLarge => Self::Said(StatusCode::PAYLOAD_TOO_LARGE, "Body too large".into()),
            BodyError::TooSlow => Self::Said(StatusCode::REQUEST_TIMEOUT, "Body too slow".into()),
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
            Self::Said(status, words) => (*status, &**words, &[][..]),
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

/// For paths that do not exist.
pub(crate) async fn not_found() -> Error {
    Error::Said(StatusCode::NOT_FOUND, "Not found".into())
}

/// For methods that a path does not have.
pub(crate) async fn method_not_allowed() -> Error {
    Error::Said(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed".into())
}
