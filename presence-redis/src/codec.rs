//! The formats of records: legible in `redis-cli`, and such that a script can merge them by
//! comparing strings, without decoding them.
//!
//! A record is `times placement TAB declared`:
//!
//! ```text
//! seen_at       active_at     placed_at     h TAB node       TAB rest            TAB declared
//! 1700000000123 1700000000100 1700000000000 h TAB web-1~9f3c TAB {"held":true,…} TAB {"at":…}
//! ```
//!
//! There are no spaces between these parts. If the session has left, the `h` (here) is an `l`
//! (left) with two more times after it: `at` and `ends_at`. `rest` has the other fields of the
//! placement. `declared` is empty if nothing was declared.
//!
//! Calls and messages contain the whole record. In Redis the times are in one hash and the rest in
//! another, since heartbeats read and write only times. In the hash of times, an `l` after the
//! times means that the session has left.
//!
//! Times have 13 digits, so that the greater string is the later time. **Each register is a string
//! whose byte order is the order of the core's merge**: of two placements, and of two declarations,
//! the greater string wins. Ids hold no control characters and JSON escapes them, so TAB and line
//! break are safe separators.

use crate::keys;
use presence_core::store::{
    Block, Declared, Departure, ForgetIf, Node, Placement, Session, Touch, UserRecord,
};
use presence_core::{Meta, NodeId, SessionId, SessionKey, Timestamp, Topics, UserId};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::time::Duration;

/// The latest time that can be written: the year 2286. A later time is written as this one.
const LATEST: u64 = 9_999_999_999_999;
/// The number of digits of a time.
const DIGITS: usize = 13;

/// The fields of a placement that no script reads. Their JSON order is part of the merge order,
/// since it decides ties.
#[derive(Serialize, Deserialize)]
struct Rest<T> {
    held: bool,
    lease: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topics: Option<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

fn push_instant(text: &mut String, at: Timestamp) {
    // Writing to a string does not fail.
    let _ = write!(text, "{:013}", at.as_millis().min(LATEST));
}

/// Takes a time off the front of the text.
fn take_instant(text: &mut &str) -> Option<Timestamp> {
    let (digits, rest) = text.split_at_checked(DIGITS)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    digits.parse().ok().map(Timestamp::from_millis)
}

/// Encodes the two times of a session that a touch advances.
pub fn times(seen_at: Timestamp, active_at: Timestamp) -> String {
    let mut text = String::with_capacity(2 * DIGITS);
    push_instant(&mut text, seen_at);
    push_instant(&mut text, active_at);
    text
}

/// Encodes the record of a session, without its user and id, which are in the field.
pub fn record(session: &Session) -> String {
    let Session { placement, declared, seen_at, active_at, .. } = session;
    let mut text = times(*seen_at, *active_at);
    push_instant(&mut text, placement.placed_at);
    match placement.left {
        None => text.push('h'),
        Some(Departure { at, ends_at }) => {
            text.push('l');
            push_instant(&mut text, at);
            push_instant(&mut text, ends_at);
        }
    }
    text.push('\t');
    text.push_str(placement.node.as_str());
    text.push('\t');
    let rest = Rest {
        held: placement.held,
        lease: u64::try_from(placement.lease.as_millis()).unwrap_or(u64::MAX),
        topics: Some(&placement.topics).filter(|topics| !topics.is_empty()),
        meta: placement.meta.clone(),
    };
    // The value has only string keys, strings and numbers, so encoding cannot fail.
    text.push_str(&serde_json::to_string(&rest).unwrap_or_default());
    text.push('\t');
    if let Some(declared) = declared {
        push_instant(&mut text, declared.at);
        text.push_str(&serde_json::to_string(declared).unwrap_or_default());
    }
    text
}

/// Decodes a session from its record; `None` if this crate did not write it.
pub fn session(field: &str, record: &str) -> Option<Session> {
    let (times, rest) = record.split_at_checked(2 * DIGITS)?;
    stored(field, times, rest)
}

/// Decodes a session as stored in the two hashes; `None` if this crate did not write it.
pub fn stored(field: &str, mut times: &str, mut rest: &str) -> Option<Session> {
    let SessionKey { user, id } = keys::session_of(field)?;
    let (seen_at, active_at) = (take_instant(&mut times)?, take_instant(&mut times)?);
    if !matches!(times, "" | "l") {
        return None;
    }
    let placed_at = take_instant(&mut rest)?;
    let is_here = match rest.as_bytes().first()? {
        b'h' => true,
        b'l' => false,
        _ => return None,
    };
    rest = &rest[1..];
    let left = if is_here {
        None
    } else {
        Some(Departure { at: take_instant(&mut rest)?, ends_at: take_instant(&mut rest)? })
    };
    let mut parts = rest.strip_prefix('\t')?.splitn(3, '\t');
    let node = NodeId::new(parts.next()?).ok()?;
    let Rest::<Topics> { held, lease, topics, meta } = serde_json::from_str(parts.next()?).ok()?;
    let declared = match parts.next()? {
        "" => None,
        text => Some(serde_json::from_str::<Declared>(text.get(DIGITS..)?).ok()?),
    };
    let (lease, topics) = (Duration::from_millis(lease), topics.unwrap_or_default());
    let placement = Placement { placed_at, left, node, held, lease, topics, meta };
    Some(Session { user, id, placement, declared, seen_at, active_at })
}

/// Encodes the heartbeat of a node. The greater string is the one that wins a merge.
pub fn beat(seen_at: Timestamp, drain_for: Option<Duration>) -> String {
    let mut text = String::with_capacity(2 * DIGITS);
    push_instant(&mut text, seen_at);
    if let Some(drain_for) = drain_for {
        push_instant(&mut text, Timestamp::ZERO + drain_for);
    }
    text
}

/// Decodes the heartbeat of a node; `None` if this crate did not write it.
pub fn node(id: NodeId, beat: &str) -> Option<Node> {
    let mut rest = beat;
    let seen_at = take_instant(&mut rest)?;
    let drain_for = match rest {
        "" => None,
        _ => Some(take_instant(&mut rest)?.since(Timestamp::ZERO)),
    };
    rest.is_empty().then_some(Node { id, seen_at, drain_for })
}

/// Encodes a user record without its user: `seen_at`, and if they are set, `erased_at` and the
/// block. A block is `at`, `until`, and the session if it concerns only one. Of two blocks, the
/// greater string wins.
pub fn user_record(record: &UserRecord) -> String {
    let mut text = String::with_capacity(DIGITS);
    push_instant(&mut text, record.seen_at);
    if record.erased_at.is_some() || record.block.is_some() {
        push_instant(&mut text, record.erased_at.unwrap_or_default());
    }
    if let Some(Block { at, until, session }) = &record.block {
        push_instant(&mut text, *at);
        push_instant(&mut text, *until);
        text.push_str(session.as_ref().map_or("", SessionId::as_str));
    }
    text
}

/// Decodes a user record; `None` if this crate did not write it.
pub fn user_record_of(user: &str, mut text: &str) -> Option<UserRecord> {
    let user = UserId::new(user).ok()?;
    let seen_at = take_instant(&mut text)?;
    let erased_at = if text.is_empty() { Timestamp::ZERO } else { take_instant(&mut text)? };
    let block = if text.is_empty() {
        None
    } else {
        let (at, until) = (take_instant(&mut text)?, take_instant(&mut text)?);
        let session = if text.is_empty() { None } else { Some(SessionId::new(text).ok()?) };
        Some(Block { at, until, session })
    };
    let erased_at = Some(erased_at).filter(|at| *at != Timestamp::ZERO);
    Some(UserRecord { user, seen_at, erased_at, block })
}

/// Decodes a touch.
pub fn touch_of(field: &str, moved: &str) -> Option<Touch> {
    if let Some(id) = keys::node_of(field) {
        let Node { id: node, seen_at, drain_for } = node(id, moved)?;
        return Some(Touch::Node { node, seen_at, drain_for });
    }
    let SessionKey { user, id } = keys::session_of(field)?;
    let mut rest = moved;
    let (seen_at, active_at) = (take_instant(&mut rest)?, take_instant(&mut rest)?);
    rest.is_empty().then_some(Touch::Session { user, id, seen_at, active_at })
}

/// Encodes a condition to forget: a name, and the times that the caller knows.
pub fn seen(seen: &ForgetIf) -> (String, String) {
    match seen {
        ForgetIf::Session { key, seen_at, placed_at } => {
            (keys::session_field(&key.user, &key.id), times(*seen_at, *placed_at))
        }
        ForgetIf::User(record) => (record.user.as_str().to_owned(), user_record(record)),
        ForgetIf::Node { node, seen_at } => (keys::node_field(node), beat(*seen_at, None)),
    }
}

/// Decodes a condition to forget.
pub fn seen_of(field: &str, text: &str) -> Option<ForgetIf> {
    if !field.contains(keys::SEPARATOR) {
        return user_record_of(field, text).map(ForgetIf::User);
    }
    Some(match touch_of(field, text)? {
        Touch::Session { user, id, seen_at, active_at: placed_at } => {
            ForgetIf::Session { key: SessionKey { user, id }, seen_at, placed_at }
        }
        Touch::Node { node, seen_at, .. } => ForgetIf::Node { node, seen_at },
    })
}

#[cfg(test)]
mod tests;
