//! `Session`, the record of one tab, device or connection: three registers that are merged
//! separately.

use super::{Declared, InvalidValue, NodeId, SessionId, Topics, UserId};
use crate::footprint;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Most sessions of one user; when another one enters, the one seen longest ago leaves.
pub const MAX_SESSIONS_PER_USER: usize = 256;

/// The identity of a session: a user, and the id of one of the user's sessions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    /// The user it belongs to.
    pub user: UserId,
    /// The id among the sessions of that user.
    pub id: SessionId,
}

/// The host's metadata of a session: a JSON object of up to 1 KiB.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Meta(Arc<Described>);

/// The object, and its estimated memory in bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Described {
    value: Value,
    footprint: usize,
}

impl Meta {
    /// Greatest length of the object's JSON, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Wraps a JSON object.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Meta;
    /// let meta = Meta::new(serde_json::json!({ "name": "Ada" }))?;
    /// assert_eq!(meta.value()["name"], "Ada");
    /// assert!(Meta::new(serde_json::json!("Ada")).is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`] if the value is not an object, or its JSON is longer than 1 KiB.
    pub fn new(value: Value) -> Result<Self, InvalidValue> {
        if !value.is_object() {
            return Err(InvalidValue::Shape { what: "meta", expected: "a JSON object" });
        }
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(InvalidValue::TooLong { what: "meta", max: Self::MAX_BYTES, unit: "bytes" });
        }
        let footprint = 2 * footprint::PIECE + size_of::<Described>() + footprint::json(&value);
        Ok(Self(Arc::new(Described { value, footprint })))
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// Estimated memory in bytes; clones share it.
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

/// The departure of a session, and when it takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Departure {
    /// When the session left.
    pub at: Timestamp,
    /// When others see it leave: `at` plus the grace, so that reloading a page is not seen.
    pub ends_at: Timestamp,
}

impl Departure {
    /// Whether others see it at `now`. A departure without grace is seen at once, by any clock.
    pub fn in_effect(&self, now: Timestamp) -> bool {
        self.ends_at <= now.max(self.at)
    }
}

/// Where and how a session is: the register that is written when a session enters, moves or leaves.
///
/// The greater `(placed_at, left, node)` wins; a full tie is decided by the encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// When it was made: `max(now, placed_at of the placement that its author had seen + 1 ms)`.
    pub placed_at: Timestamp,
    /// Set once the session has left. Keeps the `placed_at` of the placement that it ends, and wins
    /// that tie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Departure>,
    /// The process that made it; for a held session, the one whose heartbeats keep
    /// the session alive.
    pub node: NodeId,
    /// Whether a connection of `node` holds the session.
    pub held: bool,
    /// How long the session stays alive after its last heartbeat. In whole milliseconds, at
    /// most 45 days.
    #[serde(with = "crate::time::millis")]
    pub lease: Duration,
    /// The topics of the session.
    #[serde(default, skip_serializing_if = "Topics::is_empty")]
    pub topics: Topics,
    /// The host's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// One tab, device or connection of a user, as it is stored and sent.
///
/// ```
/// use presence_core::store::Session;
/// use presence_core::{SessionId, Timestamp, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// # let placement = presence_core::store::Placement {
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
    /// The id among the sessions of that user.
    pub id: SessionId,
    /// Where and how the session is.
    pub placement: Placement,
    /// The declared status, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The last heartbeat; [`Timestamp::ZERO`] for a session that only declared something.
    pub seen_at: Timestamp,
    /// The user's last activity. Counts at most as late as `seen_at`.
    pub active_at: Timestamp,
}

impl Session {
    /// The key of the session.
    pub fn key(&self) -> SessionKey {
        SessionKey { user: self.user.clone(), id: self.id.clone() }
    }
}
