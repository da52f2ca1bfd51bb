//! The header by which an event refers to the event before it.

use crate::codec::value;
use async_nats::HeaderMap;

/// The header of an event: `<incarnation> <previous> <bytes>`, followed by `last` if the event
/// closes its channel.
pub(super) const CHAIN: &str = "Presence-Event";

/// How an event is linked to the others of its channel.
///
/// An event is published on condition that the event before it is still the newest. So a reader can
/// tell from each event whether the one before it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// A random number chosen by the publisher of the first event of a history, and repeated by all
    /// that follow.
    pub(super) incarnation: u64,
    /// The sequence of the event before, zero for the first of a history.
    pub(super) previous: u64,
    /// The bytes of all payloads of this history so far, including this one.
    pub(super) bytes: u64,
    /// Whether the event closes its channel.
    pub(super) last: bool,
}

impl Chain {
    pub(super) fn header(self) -> String {
        let Self { incarnation, previous, bytes, last } = self;
        format!("{incarnation:x} {previous} {bytes}{}", if last { " last" } else { "" })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let incarnation = u64::from_str_radix(words.next()?, 16).ok()?;
        let (previous, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let last = match words.next() {
            None => false,
            Some("last") => true,
            Some(_) => return None,
        };
        words.next().is_none().then_some(Self { incarnation, previous, bytes, last })
    }

    pub(super) fn of(headers: Option<&HeaderMap>) -> Option<Self> {
        Self::parse(value(headers?, CHAIN)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_decodes_unchanged_and_malformed_headers_are_refused() {
        for last in [false, true] {
            let chain = Chain { incarnation: u64::MAX, previous: 7, bytes: 300, last };
            assert_eq!(Chain::parse(&chain.header()), Some(chain));
        }
        for bad in ["", "1", "1 2", "g 2 3", "1 2 3 first", "1 2 3 last more", "1 -2 3"] {
            assert_eq!(Chain::parse(bad), None, "{bad}");
        }
    }
}
