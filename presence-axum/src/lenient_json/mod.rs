//! JSON bodies as browsers send them: accepted under any content type, read field by field.

mod json;
mod number;
mod object;
mod plain;
mod read;

pub use json::Json;
pub use number::Number;

use crate::Error;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A body that should be a JSON object, whatever its content type (a beacon sends `text/plain`).
///
/// As an extractor it accepts up to [`LenientJson::MAX_BYTES`]. Fields are read in place, without
/// copying, so that an error can name the field, and so that numbers keep all their digits.
///
/// ```
/// use presence_axum::{Json, LenientJson};
/// # fn main() -> Result<(), presence_axum::BodyError> {
/// let body = LenientJson::from(&br#"{"uid": 12345678901234567890123, "more": []}"#[..]);
/// let [uid, last_activity] = body.fields(["uid", "last_activity"])?;
/// assert!(matches!(uid, Json::Number(n) if n.as_str() == "12345678901234567890123"));
/// assert_eq!(last_activity, Json::Null);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LenientJson(Bytes);

/// Why a body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The text is not JSON, or not UTF-8.
    #[error("not json")]
    NotJson,
    /// The text is JSON, but not an object.
    #[error("not an object")]
    NotAnObject,
    /// The body is larger than allowed.
    #[error("too large")]
    TooLarge,
    /// The body did not arrive in time.
    #[error("timeout")]
    TooSlow,
    /// The connection broke while the body arrived, or its framing is wrong.
    #[error("broken body")]
    Broken,
}

impl LenientJson {
    /// The largest body that the extractor takes, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Reads the body of `request`, up to `limit` bytes.
    ///
    /// ```
    /// # async fn example(request: axum::extract::Request) -> Result<(), presence_axum::Error> {
    /// use presence_axum::LenientJson;
    /// let body = LenientJson::read(request, LenientJson::MAX_BYTES).await?;
    /// let [name] = body.fields(["name"])?;
    /// # let _ = name;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`BodyError::TooLarge`], [`BodyError::TooSlow`] after 10 s, [`BodyError::Broken`].
    pub async fn read(request: Request, limit: usize) -> Result<Self, BodyError> {
        let (head, body) = request.into_parts();
        Self::read_body(&head.headers, body, limit).await
    }

    /// The same for a request that was taken apart.
    pub(crate) async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Self, BodyError> {
        read::read(headers, body, limit).await.map(Self)
    }

    /// The fields with these names. An absent field is `null`; of a repeated one, the last counts.
    ///
    /// ```
    /// use presence_axum::{Json, LenientJson};
    /// # fn main() -> Result<(), presence_axum::BodyError> {
    /// let body = LenientJson::from(bytes::Bytes::from_static(br#"{"name":"Ada","age":36}"#));
    /// let [name, email] = body.fields(["name", "email"])?;
    /// assert_eq!((name, email), (Json::Text("Ada".into()), Json::Null));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`BodyError::NotJson`], [`BodyError::NotAnObject`].
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> Result<[Json<'_>; N], BodyError> {
        fields(std::str::from_utf8(&self.0).map_err(|_| BodyError::NotJson)?, names)
    }
}

/// The fields with these names in a JSON object, read like [`LenientJson::fields`].
pub(crate) fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<[Json<'a>; N], BodyError> {
    if let Some(found) = plain::fields(text, &names) {
        return Ok(found);
    }
    Ok(raw_fields(text, names)?.map(|raw| raw.map_or(Json::Null, Json::from)))
}

/// The strings of a JSON array, each converted by `convert`.
///
/// # Errors
/// `None` for an entry that is not a string, or that `convert` refuses.
pub(crate) fn strings<T, E>(text: &str, mut convert: impl FnMut(&str) -> Result<T, E>) -> Option<Vec<T>> {
    if let Some(converted) = plain::strings(text, &mut convert) {
        return converted.ok();
    }
    let entries: Vec<Cow<'_, str>> = serde_json::from_str(text).ok()?;
    entries.iter().map(|entry| convert(entry).ok()).collect()
}

/// The same as raw text, so that an absent field differs from `null`.
pub(crate) fn raw_fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], BodyError> {
    object::fields(text, &names)
}

impl From<&'static [u8]> for LenientJson {
    fn from(text: &'static [u8]) -> Self {
        Self(Bytes::from_static(text))
    }
}

impl From<Bytes> for LenientJson {
    fn from(text: Bytes) -> Self {
        Self(text)
    }
}

/// The bytes of the body, for handlers that read it in another way.
impl From<LenientJson> for Bytes {
    fn from(body: LenientJson) -> Self {
        body.0
    }
}

impl<S: Sync> FromRequest<S> for LenientJson {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        Ok(Self::read(request, Self::MAX_BYTES).await?)
    }
}

impl From<BodyError> for Error {
    fn from(bad: BodyError) -> Self {
        match bad {
            BodyError::NotJson => Self::bad_request("not json"),
            BodyError::NotAnObject => Self::bad_request("not an object"),
            BodyError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            BodyError::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "timeout"),
            BodyError::Broken => Self::bad_request("broken body"),
        }
    }
}

#[cfg(test)]
mod tests;
