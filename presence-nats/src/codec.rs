//! What stands in the bucket and in the stream of renewals: JSON that a person can read with `nats
//! kv get`.

use crate::keys::{Key, Keys};
use bytes::Bytes;
use presence_core::store::{ForgetIf, Touch};
use presence_core::{Node, Session, SessionId, SessionKey, Timestamp, UserId, UserRecord};
use serde::Serialize;
use std::time::Duration;

/// What a deletion is called in a bucket's headers, and why an expired record left a mark.
pub(crate) const OPERATION: &str = "KV-Operation";
pub(crate) const MARKER: &str = "Nats-Marker-Reason";
/// Milliseconds: what its forgetter knew of a session or node.
pub(crate) const SEEN_AT: &str = "Presence-Seen-At";
/// Milliseconds: what its forgetter knew of a session's placement.
pub(crate) const PLACED_AT: &str = "Presence-Placed-At";

/// What was known of the session when its record was deleted, in the records that follow: `<seen
/// at> <placed at> <until>`, in milliseconds. A bucket keeps one message of a key: a watch that is
/// a moment behind reads the record that was put after a deletion, and not the deletion.
pub(crate) const FORGOTTEN: &str = "Presence-Forgotten";

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
    /// Set if it was put after a deletion, not long ago.
    pub(crate) forgotten: Option<Forgotten>,
    /// Only with renewals: which life of the bucket their revisions are of.
    pub(crate) life: u64,
    pub(crate) payload: Bytes,
}

/// A deletion, told with the records that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) gone: Gone,
    /// Whoever writes later than this leaves it out.
    until: Timestamp,
}

/// What a forgetter knew. A mark that somebody else left says nothing: then whoever knows anything
/// keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    seen_at: Timestamp,
    placed_at: Timestamp,
}

impl Forgotten {
    /// What a header says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut times = text.split(' ').map(|time| time.parse().ok().map(Timestamp::from_millis));
        let (seen_at, placed_at, until) = (times.next()??, times.next()??, times.next()??);
        Some(Self { gone: Gone { seen_at, placed_at }, until })
    }

    /// What it says in a header.
    pub(crate) fn header(self) -> String {
        let Self { gone: Gone { seen_at, placed_at }, until } = self;
        format!("{} {} {}", seen_at.as_millis(), placed_at.as_millis(), until.as_millis())
    }
}

impl Gone {
    /// As news of this session.
    pub(crate) fn seen(self, key: SessionKey) -> ForgetIf {
        ForgetIf::Session { key, seen_at: self.seen_at, placed_at: self.placed_at }
    }

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
    User(UserRecord),
    Gone(ForgetIf),
    /// A key of ours whose value cannot be read.
    Unreadable,
    /// A key that is not ours.
    Foreign,
}

impl Raw {
    /// The deletion that whoever writes after this must tell of.
    pub(crate) fn forgets(&self, for_long: Duration) -> Option<Forgotten> {
        match (self.gone, self.forgotten) {
            (Some(gone), _) => Some(Forgotten { gone, until: self.at + for_long }),
            (None, forgotten) => forgotten.filter(|forgotten| self.at < forgotten.until),
        }
    }

    /// What it says. What cannot be read is logged and counted here.
    pub(crate) fn read(&self, keys: &Keys) -> Record {
        let Some(key) = keys.parse(&self.subject) else { return Record::Foreign };
        let read = match (key, self.gone) {
            (Key::Session(key), Some(gone)) => return Record::Gone(gone.seen(key)),
            (Key::Node(node), Some(Gone { seen_at, .. })) => {
                return Record::Gone(ForgetIf::Node { node, seen_at });
            }
            // What its forgetter knew stands in the mark.
            (Key::User(user), Some(_)) => {
                let known = serde_json::from_slice(&self.payload).ok();
                let known = known.filter(|known: &UserRecord| known.user == user);
                return Record::Gone(ForgetIf::User(known.unwrap_or_else(|| UserRecord::new(user))));
            }
            (Key::User(user), None) => serde_json::from_slice::<UserRecord>(&self.payload)
                .map(|record| (record.user == user).then_some(Record::User(record))),
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

/// A renewal, as it travels: who, when, and the revision of the record that it is about.
pub(crate) type Beat = (UserId, SessionId, Timestamp, Timestamp, u64);

/// Which life of the bucket the revisions of a batch belong to: the time that it was made, in
/// milliseconds.
pub(crate) const LIFE: &str = "Presence-Life";

/// Reads a batch of renewals; `None` if that is none.
pub(crate) fn beats(payload: &[u8]) -> Option<(Vec<Touch>, Vec<u64>)> {
    let beats: Vec<Beat> = serde_json::from_slice(payload).ok()?;
    let part = |(user, id, seen_at, active_at, revision)| {
        (Touch::Session { user, id, seen_at, active_at }, revision)
    };
    Some(beats.into_iter().map(part).unzip())
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
mod tests;
