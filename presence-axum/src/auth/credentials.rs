//! The token that a request carries, and where in a request it may be.

use super::Refused;
use crate::query::decode;
use http::request::Parts;
use http::{HeaderMap, header};
use std::borrow::Cow;
use std::fmt;

/// A token that has not been verified. `Debug` does not show it.
#[derive(Clone)]
pub struct Credentials<'a> {
    token: Cow<'a, str>,
}

/// The kind of response to a request, which decides where the request may carry its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A single response, as for a hit or a query: the token is in the header.
    Request,
    /// A stream of events: the token may also be in the query, because `EventSource`
    /// cannot set headers.
    Stream,
    /// An upgrade to a WebSocket: the token may also be in the query or in a subprotocol.
    Socket,
}

/// Where a request may carry its token, besides the header `Authorization: Bearer`.
///
/// ```
/// use presence_axum::auth::Sources;
///
/// const TOKEN: Sources<'static> = Sources::HEADER.query("token").subprotocol();
/// # let _ = TOKEN;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources<'s> {
    query: Option<&'s str>,
    subprotocol: bool,
}

/// The subprotocol that precedes a token, and the one that the server selects.
pub const BEARER: &str = "bearer";

impl<'s> Sources<'s> {
    /// The header only: queries end up in logs and in the `Referer` of other pages.
    pub const HEADER: Self = Self { query: None, subprotocol: false };

    /// Adds the query parameter of this name.
    #[must_use]
    pub const fn query(self, parameter: &'s str) -> Self {
        Self { query: Some(parameter), ..self }
    }

    /// Adds the subprotocol after `bearer`: `Sec-WebSocket-Protocol: bearer, <token>`.
    #[must_use]
    pub const fn subprotocol(self) -> Self {
        Self { subprotocol: true, ..self }
    }
}

impl<'a> Credentials<'a> {
    /// The longest token that is accepted, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// A token that did not come with a request, such as one in the first message on a socket.
    ///
    /// ```
    /// use presence_axum::auth::{Credentials, Refused};
    /// assert_eq!(Credentials::new("eyJhbGciOi...").unwrap().token(), "eyJhbGciOi...");
    /// assert_eq!(Credentials::new("").unwrap_err(), Refused::Missing);
    /// ```
    ///
    /// # Errors
    /// [`Refused::Invalid`] when it is longer than [`MAX_BYTES`](Self::MAX_BYTES),
    /// [`Refused::Missing`] when it is empty.
    pub fn new(token: impl Into<Cow<'a, str>>) -> Result<Self, Refused> {
        let token = token.into();
        match token.len() {
            0 => Err(Refused::Missing),
            1..=Self::MAX_BYTES => Ok(Self { token }),
            _ => Err(Refused::Invalid("too long")),
        }
    }

    /// The token of the header `Authorization: Bearer`.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header};
    /// use presence_axum::auth::Credentials;
    /// let authorization = HeaderValue::from_static("Bearer eyJhbGciOi...");
    /// let headers = HeaderMap::from_iter([(header::AUTHORIZATION, authorization)]);
    /// assert_eq!(Credentials::of(&headers).unwrap().token(), "eyJhbGciOi...");
    /// ```
    ///
    /// # Errors
    /// [`Refused::Missing`] without such a header; [`Refused::Invalid`] for two of them, or for one
    /// that is not text.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, Refused> {
        Self::new(header(headers)?.ok_or(Refused::Missing)?)
    }

    /// The token of a request, from the header and from these sources.
    ///
    /// Several sources may hold a token if it is the same. Two different tokens are refused,
    /// because a proxy in front may have checked one of them while we would use the other. A source
    /// that holds two tokens is refused as well. A scheme other than `Bearer`, and a parameter
    /// without a value, count as no token.
    ///
    /// ```
    /// use http::Request;
    /// use presence_axum::auth::{Credentials, Sources};
    /// let (parts, ()) = Request::get("/events?token=secret").body(()).unwrap().into_parts();
    /// let sources = Sources::HEADER.query("token");
    /// assert_eq!(Credentials::from_request(&parts, sources).unwrap().token(), "secret");
    /// assert!(Credentials::from_request(&parts, Sources::HEADER).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Refused::Missing`] without a token; [`Refused::Invalid`] for two tokens, and for one that
    /// is too long or not text.
    pub fn from_request(parts: &'a Parts, sources: Sources<'_>) -> Result<Self, Refused> {
        if sources == Sources::HEADER {
            return Self::of(&parts.headers); // nearly every request
        }
        let query = match (sources.query, parts.uri.query()) {
            (Some(name), Some(text)) => parameter(text, name)?,
            _ => None,
        };
        let offered = if sources.subprotocol { subprotocol(&parts.headers)? } else { None };
        let shown = [header(&parts.headers)?, query, offered];
        let mut tokens = shown.into_iter().flatten();
        let token = tokens.next().ok_or(Refused::Missing)?;
        if tokens.any(|other| other != token) {
            return Err(Refused::Invalid("two tokens"));
        }
        Self::new(token)
    }

    /// The token itself. Keep it out of logs and responses.
    pub fn token(&self) -> &str {
        &self.token
    }
}

type Found<'a> = Result<Option<Cow<'a, str>>, Refused>;

fn header(headers: &HeaderMap) -> Found<'_> {
    let mut said = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (said.next(), said.next());
    let Some(value) = first else { return Ok(None) };
    if second.is_some() {
        return Err(Refused::Invalid("two headers"));
    }
    let text = value.to_str().map_err(|_| Refused::Invalid("no text"))?;
    let bearer =
        text.split_at_checked(BEARER.len()).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER));
    let token = bearer.and_then(|(_, rest)| rest.strip_prefix(' ')).map(|token| token.trim_matches(' '));
    Ok(token.filter(|token| !token.is_empty()).map(Cow::from))
}

fn parameter<'a>(query: &'a str, name: &str) -> Found<'a> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(found, value)| *found == name && !value.is_empty());
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refused::Invalid("two parameters"));
    }
    first.map(|(_, value)| decode(value).ok_or(Refused::Invalid("no text"))).transpose()
}

fn subprotocol(headers: &HeaderMap) -> Found<'_> {
    let mut token = None;
    let mut follows = false;
    for list in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let list = list.to_str().map_err(|_| Refused::Invalid("no text"))?;
        for offered in list.split(',').map(str::trim) {
            if follows && token.replace(Cow::from(offered)).is_some() {
                return Err(Refused::Invalid("two subprotocols"));
            }
            follows = !follows && offered == BEARER;
        }
    }
    Ok(token.filter(|token| !token.is_empty()))
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("bytes", &self.token.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
