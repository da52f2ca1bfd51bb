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

/// How a request is answered, which decides where it may carry its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// With one response, as for a hit or a query: the token is in the header.
    Request,
    /// With a stream of events: `EventSource` sends no headers, so the token may also be in the
    /// query.
    Stream,
    /// With an upgrade to a WebSocket: the token may also be in the query or a subprotocol.
    Socket,
}

/// Where a request may carry its token, besides the header `Authorization: Bearer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources<'s> {
    /// The parameter of the query that may hold it.
    pub query: Option<&'s str>,
    /// Whether it may be the subprotocol that is offered after `bearer`: `Sec-WebSocket-Protocol:
    /// bearer, <token>`.
    pub subprotocol: bool,
}

/// The subprotocol that precedes a token, and the one that the server selects.
pub const BEARER: &str = "bearer";

impl Sources<'_> {
    /// The header, and nothing else: a query ends up in logs and in other pages' referrers.
    pub const HEADER: Self = Self { query: None, subprotocol: false };
}

impl<'a> Credentials<'a> {
    /// The longest token that is accepted, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// A token that came by another way than a request, such as the first message on a socket.
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

    /// The token of `Authorization: Bearer`, from nowhere else.
    ///
    /// # Errors
    /// [`Refused::Missing`] without such a header; [`Refused::Invalid`] when there are two, or what
    /// it says is no text.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, Refused> {
        Self::new(header(headers)?.ok_or(Refused::Missing)?)
    }

    /// The token of a request, from the header and from these sources.
    ///
    /// It may stand in several of them, if it is the same: two that differ are refused, for one of
    /// them may be what a proxy looked at, and the other what we would. One source that has it
    /// twice is refused as well. A scheme other than `Bearer`, and a parameter without a value,
    /// count as none.
    ///
    /// # Errors
    /// [`Refused::Missing`] without a token; [`Refused::Invalid`] for two, and for one that is too
    /// long or no text.
    pub fn from_request(parts: &'a Parts, sources: Sources<'_>) -> Result<Self, Refused> {
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

    /// The token itself. Keep it out of logs and answers.
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
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim_matches(' ');
    Ok((scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token.into()))
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
