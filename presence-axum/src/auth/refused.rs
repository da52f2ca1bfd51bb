//! Why a request is refused.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence_core::InvalidValue;
use serde::Serialize;

/// Why a request was refused: `{"error":"…"}`, with `WWW-Authenticate` as in RFC 6750.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// 401: the request has no token.
    #[error("missing token")]
    Missing,
    /// 401: the token is not valid. The reason appears only in the log, so that it does not
    /// help a forger.
    #[error("invalid token")]
    Invalid(&'static str),
    /// 401: the token is valid but expired.
    #[error("token expired")]
    Expired,
    /// 403: the caller is known, but has not the right.
    #[error("forbidden")]
    Forbidden,
    /// 403: a page of another site sent the request, with a cookie that the browser
    /// added by itself.
    #[error("foreign origin")]
    ForeignOrigin,
    /// 503: the caller cannot be identified at the moment.
    #[error("authentication unavailable")]
    Unavailable,
}

impl Refused {
    /// The status of the response.
    ///
    /// ```
    /// use http::StatusCode;
    /// use presence_axum::auth::Refused;
    /// assert_eq!(Refused::Missing.status(), StatusCode::UNAUTHORIZED);
    /// assert_eq!(Refused::Forbidden.status(), StatusCode::FORBIDDEN);
    /// ```
    pub fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid(_) | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason as it appears in the metric and the log.
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

    /// The value of `WWW-Authenticate`, if there is one.
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

/// A user name that is not a valid id makes the token invalid.
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
