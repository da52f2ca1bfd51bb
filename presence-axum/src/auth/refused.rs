//! Why a request is refused.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence_core::InvalidValue;
use serde::Serialize;

/// Why a request was refused: `{"error":"…"}`, with `WWW-Authenticate` as RFC 6750 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// 401: no token was shown.
    #[error("missing token")]
    Missing,
    /// 401: the token is not one of ours. The reason is for the log alone: whoever forges learns
    /// nothing from us.
    #[error("invalid token")]
    Invalid(&'static str),
    /// 401: the token was one of ours until it expired.
    #[error("token expired")]
    Expired,
    /// 403: it is known who calls, and they may not.
    #[error("forbidden")]
    Forbidden,
    /// 403: a page of another site asks, with a cookie that its browser added by itself.
    #[error("foreign origin")]
    ForeignOrigin,
    /// 503: it cannot be told at the moment who calls.
    #[error("authentication unavailable")]
    Unavailable,
}

impl Refused {
    /// The status that it is answered with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid(_) | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the metric and the log call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid(_) => "invalid",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::ForeignOrigin => "foreign_origin",
            Self::Unavailable => "unavailable",
        }
    }

    /// What `WWW-Authenticate` says of it.
    pub(crate) fn challenge(self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match self {
            Self::Missing => "Bearer",
            Self::Invalid(_) => r#"Bearer error="invalid_token""#,
            Self::Expired => r#"Bearer error="invalid_token", error_description="the token has expired""#,
            Self::Forbidden => r#"Bearer error="insufficient_scope""#,
            Self::ForeignOrigin | Self::Unavailable => return None,
        }))
    }
}

/// Whoever has a name that presence cannot have is nobody here.
impl From<InvalidValue> for Refused {
    fn from(_: InvalidValue) -> Self {
        Self::Invalid("no user id")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Wire {
            error: String,
        }
        let mut response = crate::wire::json(self.status(), &Wire { error: self.to_string() });
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self == Self::Unavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
