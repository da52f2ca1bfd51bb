//! What stands in the bucket and in the stream of renewals: JSON that a person can read with `nats kv get`.

use crate::keys::{Key, Keys};
use bytes::Bytes;
use presence_core::store::{Seen, Touch};
use presence_core::{Node, Session, SessionId, Timestamp, UserId};
use serde::Serialize;

/// What a deletion is called in a bucket's headers, and why an expired record left a mark.
pub(crate) const OPERATION: &str = "KV-Operation";
pub(crate) const MARKER: &str = "Nats-Marker-Reason";
/// Milliseconds: what its forgetter knew of a session or node.
pub(crate) const SEEN_AT: &str = "Presence-Seen-At";
/// Milliseconds: what its forgetter knew of a session's placement.
pub(crate) const PLACED_AT: &str = "Presence-Placed-At";

/// The last message of a key.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) subject: String,
    /// Its revision.
    pub(crate) seq: u64,
    /// When the server took it.
    pub(crate) at: Timestamp,
    /// Set if it says that there is nothing any more.
    pub(crate) gone: Option<Gone>,
    pub(crate) payload: Bytes,
}

/// What a forgetter knew. A mark that somebody else left says nothing: then whoever knows anything keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    seen_at: Timestamp,
    placed_at: Timestamp,
}

impl Gone {
    /// Reads it from headers.
    pub(crate) fn of<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let is_gone =
            header(OPERATION).is_some_and(|operation| operation != "PUT") || header(MARKER).is_some();
        let time = |name| header(name).and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
        let (seen_at, placed_at) = (time(SEEN_AT).unwrap_or_default(), time(PLACED_AT).unwrap_or_default());
        is_gone.then_some(Self { seen_at, placed_at })
    }
}

/// What a message of the bucket says.
#[derive(Debug)]
pub(crate) enum Record {
    Session(Session),
    Node(Node),
    Gone(Seen),
    /// A key of ours whose value cannot be read.
    Unreadable,
    /// A key that is not ours.
    Foreign,
}

impl Raw {
    /// What it says. What cannot be read is logged and counted here.
    pub(crate) fn read(&self, keys: &Keys) -> Record {
        let Some(key) = keys.parse(&self.subject) else { return Record::Foreign };
        let read = match (key, self.gone) {
            (Key::Session(key), Some(Gone { seen_at, placed_at })) => {
                return Record::Gone(Seen::Session { key, seen_at, placed_at });
            }
            (Key::Node(node), Some(Gone { seen_at, .. })) => {
                return Record::Gone(Seen::Node { node, seen_at });
            }
            (Key::Session(key), None) => serde_json::from_slice::<Session>(&self.payload).map(|session| {
                let is_it = session.user == key.user && session.id == key.id;
                is_it.then_some(Record::Session(session))
            }),
            (Key::Node(id), None) => serde_json::from_slice::<Node>(&self.payload)
                .map(|node| (node.id == id).then_some(Record::Node(node))),
        };
        read.ok().flatten().unwrap_or_else(|| {
            metrics::counter!("presence_nats_unreadable_total").increment(1);
            // The key may name a user, the value may hold anything: neither is for the log.
            tracing::error!(revision = self.seq, "a record in the bucket cannot be read, and is passed over");
            Record::Unreadable
        })
    }
}

/// The bytes of a session or a node.
pub(crate) fn encode(record: &impl Serialize) -> Bytes {
    // Neither has anything that JSON could not say.
    serde_json::to_vec(record).unwrap_or_default().into()
}

/// A renewal, as it travels.
pub(crate) type Beat = (UserId, SessionId, Timestamp, Timestamp);

/// Reads a batch of renewals; `None` if that is none.
pub(crate) fn beats(payload: &[u8]) -> Option<Vec<Touch>> {
    let beats: Vec<Beat> = serde_json::from_slice(payload).ok()?;
    let touch = |(user, id, seen_at, active_at)| Touch::Session { user, id, seen_at, active_at };
    Some(beats.into_iter().map(touch).collect())
}

/// Decodes base64, in which old servers answer; `None` if it is none.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for quad in text.chunks(4) {
        let mut bits = 0u32;
        for byte in quad {
            bits = bits << 6 | u32::from(value(*byte)?);
        }
        bits <<= 6 * (4 - quad.len());
        bytes.extend(&bits.to_be_bytes()[1..quad.len()]);
    }
    Some(bytes)
}

/// Finds a header in the raw block of headers that old servers answer with.
pub(crate) fn header<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let lines = block.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Namespace, Options};
    use presence_core::{NodeId, Placement, SessionKey, Topics};
    use proptest::prelude::*;
    use std::time::Duration;

    fn keys() -> Keys {
        Keys::new(&Options::new(Namespace::new("chat").unwrap()))
    }

    fn session(user: &str) -> Session {
        let at = Timestamp::from_millis(7);
        let node = NodeId::new("n").unwrap();
        Session {
            user: UserId::new(user).unwrap(),
            id: SessionId::new("tab").unwrap(),
            placement: Placement {
                placed_at: at,
                left: None,
                node,
                held: false,
                lease: Duration::from_mins(1),
                topics: Topics::NONE,
                meta: None,
            },
            declared: None,
            seen_at: at,
            active_at: at,
        }
    }

    fn raw(subject: &str, payload: impl Into<Bytes>) -> Raw {
        Raw { subject: subject.into(), seq: 1, at: Timestamp::ZERO, gone: None, payload: payload.into() }
    }

    #[test]
    fn a_record_is_legible() {
        let text = String::from_utf8(encode(&session("alice")).to_vec()).unwrap();
        assert!(text.starts_with(r#"{"user":"alice","id":"tab","placement":{"placed_at":7"#), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let alice = encode(&session("alice"));
        let read = |subject: &str, payload: Bytes| raw(subject, payload).read(&keys());
        assert!(matches!(read("$KV.chat.s.alice.tab", alice.clone()), Record::Session(_)));
        // Somebody else's record under this key is no record of this key.
        assert!(matches!(read("$KV.chat.s.bob.tab", alice.clone()), Record::Unreadable));
        assert!(matches!(read("$KV.chat.n.alice", alice.clone()), Record::Unreadable));
        assert!(matches!(read("$KV.chat.s.alice.tab", alice.slice(1..)), Record::Unreadable));
        assert!(matches!(read("$KV.chat.config", alice), Record::Foreign));
    }

    #[test]
    fn a_mark_tells_what_its_forgetter_knew() {
        let headers = |block: &'static str| Gone::of(|name| header(block, name));
        let ours = "NATS/1.0\r\nKV-Operation: DEL\r\nPresence-Seen-At: 5\r\nPresence-Placed-At: 6\r\n\r\n";
        let of = |seen, placed| Gone {
            seen_at: Timestamp::from_millis(seen),
            placed_at: Timestamp::from_millis(placed),
        };
        assert_eq!(headers(ours), Some(of(5, 6)));
        assert_eq!(headers("NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n"), Some(of(0, 0)));
        assert_eq!(headers("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n"), Some(of(0, 0)));
        assert_eq!(headers("NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 0\r\n\r\n"), None);
        let mark = Raw { gone: Some(of(5, 6)), ..raw("$KV.chat.s.alice.tab", "") };
        let session = session("alice");
        let key = SessionKey { user: session.user, id: session.id };
        let seen = Seen::Session { key, seen_at: of(5, 0).seen_at, placed_at: of(0, 6).placed_at };
        assert!(matches!(mark.read(&keys()), Record::Gone(gone) if gone == seen));
    }

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")]
        {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        assert_eq!(base64("a b"), None);
    }

    proptest! {
        #[test]
        fn renewals_come_back_as_they_were(
            beats_in in prop::collection::vec(("[a-z\"\\\\é]{1,9}", "\\PC{1,9}", any::<u64>(), any::<u64>()), 0..20),
        ) {
            let time = Timestamp::from_millis;
            let all: Vec<Beat> = beats_in
                .iter()
                .filter_map(|(u, s, a, b)| {
                    Some((UserId::new(u).ok()?, SessionId::new(s).ok()?, time(*a), time(*b)))
                })
                .collect();
            let touch = |(user, id, seen_at, active_at): Beat| Touch::Session { user, id, seen_at, active_at };
            let expected: Vec<Touch> = all.iter().cloned().map(touch).collect();
            prop_assert_eq!(beats(&encode(&all)), Some(expected));
        }
    }
}
