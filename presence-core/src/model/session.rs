//! The session: three registers that merge by themselves.

use super::{Declared, InvalidValue, NodeId, SessionId, Topics, UserId};
use crate::footprint;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The most sessions one user can have; when another comes, the one seen longest ago leaves.
pub const MAX_SESSIONS_PER_USER: usize = 256;

/// Which session: a user and the name of one of their tabs, devices or connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    /// The user it belongs to.
    pub user: UserId,
    /// Which of theirs.
    pub id: SessionId,
}

/// What the host says of a session: a JSON object of up to 1 KiB.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Meta(Arc<Said>);

/// The object, and about how many bytes it takes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Said {
    value: Value,
    footprint: usize,
}

impl Meta {
    /// The longest meta, in bytes of its JSON.
    pub const MAX_BYTES: usize = 1024;

    /// Wraps a JSON object.
    ///
    /// # Errors
    /// [`InvalidValue`] when the value is not an object, or its JSON is longer than 1 KiB.
    pub fn new(value: Value) -> Result<Self, InvalidValue> {
        if !value.is_object() {
            return Err(InvalidValue::Shape { what: "meta", expected: "a JSON object" });
        }
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(InvalidValue::TooLong { what: "meta", max: Self::MAX_BYTES, unit: "bytes" });
        }
        let footprint = 2 * footprint::PIECE + size_of::<Said>() + footprint::json(&value);
        Ok(Self(Arc::new(Said { value, footprint })))
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// About how many bytes of memory it takes; clones share them.
    pub fn footprint(&self) -> usize {
        self.0.footprint
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.value, f)
    }
}

impl TryFrom<Value> for Meta {
    type Error = InvalidValue;
    fn try_from(value: Value) -> Result<Self, InvalidValue> {
        Self::new(value)
    }
}

impl From<Meta> for Value {
    fn from(meta: Meta) -> Self {
        Arc::unwrap_or_clone(meta.0).value
    }
}

/// That a session left, and when this takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Departure {
    /// When it left.
    pub at: Timestamp,
    /// When the others see it leave: `at` and the grace, so that a reload does not flicker.
    pub ends_at: Timestamp,
}

impl Departure {
    /// Whether the others see it at `now`. One without grace is seen at once, by whatever clock.
    pub fn in_effect(&self, now: Timestamp) -> bool {
        self.ends_at <= now.max(self.at)
    }
}

/// How and where a session is: the register that entering, moving and leaving write.
///
/// The greater `(placed_at, left, node)` wins; a full tie is decided by the encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// When it was made: `max(now, placed_at of the placement its author had seen + 1 ms)`.
    pub placed_at: Timestamp,
    /// Set once the session has left. It carries the `placed_at` of what it ends, and wins that
    /// tie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Departure>,
    /// The process that made it; for a held session, the one whose life the session follows.
    pub node: NodeId,
    /// Whether a connection of `node` holds it.
    pub held: bool,
    /// How long it lives after it was last seen. In whole milliseconds, at most 45 days.
    #[serde(with = "crate::time::millis")]
    pub lease: Duration,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Topics::is_empty")]
    pub topics: Topics,
    /// What the host says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// One tab, device or connection of a user, as it is stored and sent.
///
/// ```
/// use presence_core::{Session, SessionId, Timestamp, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// # let placement = presence_core::Placement {
/// #     placed_at: Timestamp::from_millis(1), left: None, node: presence_core::NodeId::new("n")?,
/// #     held: false, lease: std::time::Duration::from_secs(60), topics: Default::default(), meta: None };
/// let mut here = Session {
///     user: UserId::new("alice")?,
///     id: SessionId::new("tab-1")?,
///     placement,
///     declared: None,
///     seen_at: Timestamp::from_millis(1),
///     active_at: Timestamp::from_millis(1),
/// };
/// let mut later = here.clone();
/// later.seen_at = Timestamp::from_millis(5);
/// here.merge(&later);
/// assert_eq!(here, later);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The user it belongs to.
    pub user: UserId,
    /// Which of theirs.
    pub id: SessionId,
    /// Where and how it is.
    pub placement: Placement,
    /// What it declared, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// Its last beat; [`Timestamp::ZERO`] for a session that only ever declared something.
    pub seen_at: Timestamp,
    /// Its user's last activity. Counts at most as late as `seen_at`.
    pub active_at: Timestamp,
}

impl Session {
    /// Which session this is.
    pub fn key(&self) -> SessionKey {
        SessionKey { user: self.user.clone(), id: self.id.clone() }
    }
}
