//! The formats of the stored records and of the renewals: JSON that a person can read with
//! `nats kv get`.

use crate::keys::{Key, Keys};
use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use presence_core::store::{Block, ForgetIf, Node, Session, Touch, UserRecord};
use presence_core::{SessionId, SessionKey, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The header that marks a deleted key, as NATS key-value clients write it.
pub(crate) const OPERATION: &str = "KV-Operation";
pub(crate) const MARKER: &str = "Nats-Marker-Reason";
/// Header of a deletion: when the session or node was last seen, in milliseconds, according to the
/// deleting process.
pub(crate) const SEEN_AT: &str = "Presence-Seen-At";
/// Header of a deletion: the time of the session's placement, in milliseconds, according to the
/// deleting process.
pub(crate) const PLACED_AT: &str = "Presence-Placed-At";

/// Header that repeats a deletion in the records that follow it: `<seen at> <placed at> <until>`,
/// in milliseconds. A bucket keeps only the last message of a key. A watch that lags may therefore
/// read a record that was put after a deletion without reading the deletion.
pub(crate) const FORGOTTEN: &str = "Presence-Forgotten";

/// The last message of a key, not yet decoded.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) subject: String,
    /// Its revision.
    pub(crate) seq: u64,
    /// When the server stored it.
    pub(crate) at: Timestamp,
    /// Set if the message is the mark of a deletion.
    pub(crate) gone: Option<Gone>,
    /// Set if the record was put shortly after a deletion.
    pub(crate) forgotten: Option<Forgotten>,
    /// For renewals only: the incarnation of the bucket that their revisions belong to.
    pub(crate) incarnation: u64,
    pub(crate) payload: Bytes,
}

/// A deletion, repeated in the records that are written after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) gone: Gone,
    /// Records written after this time no longer repeat the deletion.
    until: Timestamp,
}

/// The times of a deleted record according to the deleting process, from the headers of the mark. A
/// deletion by another tool has no such headers, so its times are zero, and a process that has a
/// newer state keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    seen_at: Timestamp,
    placed_at: Timestamp,
}

impl Forgotten {
    /// Reads the value of the header [`FORGOTTEN`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut times = text.split(' ').map(|time| time.parse().ok().map(Timestamp::from_millis));
        let (seen_at, placed_at, until) = (times.next()??, times.next()??, times.next()??);
        Some(Self { gone: Gone { seen_at, placed_at }, until })
    }

    /// The value of the header [`FORGOTTEN`].
    pub(crate) fn header(self) -> String {
        let Self { gone: Gone { seen_at, placed_at }, until } = self;
        format!("{} {} {}", seen_at.as_millis(), placed_at.as_millis(), until.as_millis())
    }
}

impl Gone {
    /// The deletion as the watch of a store reports it for this session.
    pub(crate) fn seen(self, key: SessionKey) -> ForgetIf {
        ForgetIf::Session { key, seen_at: self.seen_at, placed_at: self.placed_at }
    }

    /// Reads it from the headers of a message.
    pub(crate) fn of<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let is_gone =
            header(OPERATION).is_some_and(|operation| operation != "PUT") || header(MARKER).is_some();
        let time = |name| header(name).and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
        is_gone.then(|| Self {
            seen_at: time(SEEN_AT).unwrap_or_default(),
            placed_at: time(PLACED_AT).unwrap_or_default(),
        })
    }
}

/// A decoded message of the bucket.
#[derive(Debug)]
pub(crate) enum Record {
    Session(Session),
    Node(Node),
    User(UserRecord),
    Gone(ForgetIf),
    /// A key of this namespace whose value cannot be decoded.
    Unreadable,
    /// A key that this crate does not write.
    Foreign,
}

impl Raw {
    /// The deletion that the next record written to this key must repeat.
    pub(crate) fn forgets(&self, for_long: Duration) -> Option<Forgotten> {
        match (self.gone, self.forgotten) {
            (Some(gone), _) => Some(Forgotten { gone, until: self.at + for_long }),
            (None, forgotten) => forgotten.filter(|forgotten| self.at < forgotten.until),
        }
    }

    /// Decodes the message. A value that cannot be decoded is logged and counted here.
    pub(crate) fn read(&self, keys: &Keys) -> Record {
        let Some(key) = keys.parse(&self.subject) else { return Record::Foreign };
        let read = match (key, self.gone) {
            (Key::Session(key), Some(gone)) => return Record::Gone(gone.seen(key)),
            (Key::Node(node), Some(Gone { seen_at, .. })) => {
                return Record::Gone(ForgetIf::Node { node, seen_at });
            }
            // The payload of the mark is the record as the deleting process had it.
            (Key::User(user), Some(_)) => {
                let known = serde_json::from_slice::<Kept>(&self.payload).ok();
                let known = known.map(|kept| kept.of(user.clone()));
                return Record::Gone(ForgetIf::User(known.unwrap_or_else(|| UserRecord::new(user))));
            }
            (Key::User(user), None) => {
                serde_json::from_slice::<Kept>(&self.payload).map(|kept| Some(Record::User(kept.of(user))))
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
            // The key may hold a user id and the value anything, so neither is logged.
            tracing::error!(revision = self.seq, "a record of the bucket cannot be decoded and is skipped");
            Record::Unreadable
        })
    }
}

/// The space that is reserved for an encoded record; most sessions fit.
const RECORD_BYTES: usize = 384;

/// Encodes a session or a node; [`encode_user`] encodes a user record.
pub(crate) fn encode(record: &impl Serialize) -> Bytes {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    // These types have only string keys and finite numbers, and a vector takes every write, so
    // encoding cannot fail.
    let _ = serde_json::to_writer(&mut bytes, record);
    bytes.into()
}

/// A user record as it is stored. There may be millions of them, so the value does not repeat the
/// user, and most values are only the time when the user was last seen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Seen(Timestamp),
    All {
        #[serde(default)]
        seen_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        erased_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Block>,
    },
}

impl Kept {
    fn of(self, user: UserId) -> UserRecord {
        match self {
            Self::Seen(seen_at) => UserRecord { seen_at, ..UserRecord::new(user) },
            Self::All { seen_at, erased_at, block } => UserRecord { user, seen_at, erased_at, block },
        }
    }
}

/// The bytes of a user's record.
pub(crate) fn encode_user(record: &UserRecord) -> Bytes {
    let UserRecord { user: _, seen_at, erased_at, block } = record.clone();
    encode(&match (erased_at, block) {
        (None, None) => Kept::Seen(seen_at),
        (erased_at, block) => Kept::All { seen_at, erased_at, block },
    })
}

/// A renewal in its wire format: user, session, last seen, last active, and the revision of the
/// renewed record.
pub(crate) type Beat = (UserId, SessionId, Timestamp, Timestamp, u64);

/// Header of a batch of renewals: the creation time of the bucket that the revisions belong
/// to, in milliseconds.
pub(crate) const INCARNATION: &str = "Presence-Life";

/// Decodes a batch of renewals; `None` if the payload is not one.
pub(crate) fn beats(payload: &[u8]) -> Option<(Vec<Touch>, Vec<u64>)> {
    let beats: Vec<Beat> = serde_json::from_slice(payload).ok()?;
    let part = |(user, id, seen_at, active_at, revision)| {
        (Touch::Session { user, id, seen_at, active_at }, revision)
    };
    Some(beats.into_iter().map(part).unzip())
}

/// Decodes base64, which old servers use in answers; `None` if the text is not base64.
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

/// Finds a header of a message. Messages have few headers, so comparing names costs less than a
/// lookup in the map, which has to check and hash the name.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let (_, values) = headers.iter().find(|(known, _)| AsRef::<str>::as_ref(*known) == name)?;
    values.first().map(HeaderValue::as_str)
}

/// Finds a header in the raw header block that old servers answer with.
pub(crate) fn header<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let lines = block.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests;
