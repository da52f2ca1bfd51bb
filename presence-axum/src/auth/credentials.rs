//! What a request shows to say who calls.

use super::Refused;
use http::{HeaderMap, header};
use std::fmt;

/// A token, not yet looked into. It never shows in a log.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    token: &'a str,
}

impl<'a> Credentials<'a> {
    /// The longest token that is looked at, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// A token that came by another way than the header, such as the first message on a socket.
    ///
    /// # Errors
    /// [`Refused::Invalid`] when it is longer than [`MAX_BYTES`](Self::MAX_BYTES), [`Refused::Missing`] when it is empty.
    pub fn new(token: &'a str) -> Result<Self, Refused> {
        match token.len() {
            0 => Err(Refused::Missing),
            1..=Self::MAX_BYTES => Ok(Self { token }),
            _ => Err(Refused::Invalid("too long")),
        }
    }

    /// The token of `Authorization: Bearer`, from nowhere else: a query ends up in logs and in other pages' referrers.
    ///
    /// # Errors
    /// [`Refused::Missing`] without such a header; [`Refused::Invalid`] when there are two, or what it says is no text.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, Refused> {
        let mut said = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (said.next(), said.next());
        let value = first.ok_or(Refused::Missing)?;
        if second.is_some() {
            // One of them may be what a proxy looked at, and the other what we would.
            return Err(Refused::Invalid("two headers"));
        }
        let text = value.to_str().map_err(|_| Refused::Invalid("no text"))?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::Missing);
        }
        Self::new(token.trim_matches(' '))
    }

    /// The token itself. Keep it out of logs and answers.
    pub fn token(&self) -> &'a str {
        self.token
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("bytes", &self.token.len()).finish_non_exhaustive()
    }
}
