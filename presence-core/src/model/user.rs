//! What is kept of a user beside their sessions, and outlives them.

use super::{SessionId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// That a user, or one of their sessions, was disconnected and may not come back for a while.
///
/// A register: the greater one, by its fields in their order, wins. So the later block of a user
/// replaces the earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Block {
    /// When it was pronounced: sessions placed until then are ended.
    pub at: Timestamp,
    /// When it ends. One that ends at `at` only disconnects.
    pub until: Timestamp,
    /// Which session it is about; `None` for all of the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

impl Block {
    /// Whether it keeps this session away at `now`.
    pub fn keeps_away(&self, session: &SessionId, now: Timestamp) -> bool {
        now < self.until && self.concerns(session)
    }

    /// Whether it is about this session.
    pub fn concerns(&self, session: &SessionId) -> bool {
        self.session.as_ref().is_none_or(|blocked| blocked == session)
    }
}

/// What a store keeps of a user beside their sessions: three registers, each of which merges by
/// itself.
///
/// ```
/// use presence_core::{Timestamp, UserId, UserRecord};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let at = Timestamp::from_millis;
/// let mut known = UserRecord { seen_at: at(5), ..UserRecord::new(UserId::new("ada")?) };
/// known.merge(&UserRecord { seen_at: at(3), ..known.clone() });
/// assert_eq!(known.seen_at, at(5));
/// known.merge(&UserRecord { erased_at: Some(at(9)), ..known.clone() });
/// assert_eq!(known.seen_at, Timestamp::ZERO);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserRecord {
    /// The user it belongs to.
    pub user: UserId,
    /// When the user was last seen; the later one wins. [`Timestamp::ZERO`] if nothing is kept of
    /// that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen_at: Timestamp,
    /// When the user was erased; the later one wins, and takes a `seen_at` that is not later than
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// Whether the user may come back; the greater one wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(at: &Timestamp) -> bool {
    *at == Timestamp::ZERO
}

impl UserRecord {
    /// A record that says nothing yet.
    pub fn new(user: UserId) -> Self {
        Self { user, seen_at: Timestamp::ZERO, erased_at: None, block: None }
    }

    /// Takes over what `other`, a state of the same record, knows better; answers whether anything
    /// changed.
    ///
    /// Commutative, associative and idempotent.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = (self.seen_at, self.erased_at);
        self.erased_at = self.erased_at.max(other.erased_at);
        self.seen_at = self.seen_at.max(other.seen_at);
        if self.erased_at.is_some_and(|erased_at| self.seen_at <= erased_at) {
            self.seen_at = Timestamp::ZERO;
        }
        let blocks = other.block > self.block;
        if blocks {
            self.block.clone_from(&other.block);
        }
        blocks || (before != (self.seen_at, self.erased_at))
    }

    /// Whether each register of `other` is at most this one's: whoever knows this record knows all
    /// of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.seen_at <= self.seen_at && other.erased_at <= self.erased_at && other.block <= self.block
    }
}
