//! `UserRecord`: the record of a user, which is kept after the user's sessions are forgotten.

use super::{SessionId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A block: a user, or one of their sessions, was disconnected and may not return for a while.
///
/// Of two blocks of a user, the greater one wins, compared field by field. So a later block
/// replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Block {
    /// When it was made: sessions placed until then are ended.
    pub at: Timestamp,
    /// When it ends. If that is `at`, it only disconnects.
    pub until: Timestamp,
    /// The session concerned; `None` for all of the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

impl Block {
    /// Whether it blocks this session at `now`.
    pub fn keeps_away(&self, session: &SessionId, now: Timestamp) -> bool {
        now < self.until && self.concerns(session)
    }

    /// Whether it concerns this session.
    pub fn concerns(&self, session: &SessionId) -> bool {
        self.session.as_ref().is_none_or(|blocked| blocked == session)
    }
}

/// The record that a store keeps of a user, apart from sessions: three registers,
/// each merged separately.
///
/// ```
/// use presence_core::store::UserRecord;
/// use presence_core::{Timestamp, UserId};
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
    /// When the user was last seen; the later time wins. [`Timestamp::ZERO`] if that is not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen_at: Timestamp,
    /// When the user was erased; the later time wins, and clears a `seen_at` that is not later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// The block of the user, if there is one; the greater one wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(at: &Timestamp) -> bool {
    *at == Timestamp::ZERO
}

impl UserRecord {
    /// An empty record.
    pub fn new(user: UserId) -> Self {
        Self { user, seen_at: Timestamp::ZERO, erased_at: None, block: None }
    }

    /// Merges `other`, another state of the same record; returns whether anything changed.
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

    /// Whether this record contains everything in `other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.seen_at <= self.seen_at && other.erased_at <= self.erased_at && other.block <= self.block
    }
}
