//! What the store is to be told of what has just been entered here.

use crate::model::Session;
use crate::roster::Rollback;
use crate::roster::sessions::slot::Slot;
use crate::store::Touch;
use crate::time::Timestamp;

/// What the store is to be told of what has just been entered here.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreWrite {
    /// A renewal.
    Touch {
        /// The new times.
        touch: Touch,
        /// The placement that the session has.
        placed_at: Timestamp,
        /// Whether the store's answer would be the first sign that it has the session: see
        /// [`Roster::confirm`](crate::roster::Roster::confirm).
        confirms: bool,
    },
    /// A change, and what must be restored if the store refuses it.
    Put {
        /// The session as it is now, and any that had to make room for it.
        sessions: Vec<Session>,
        /// How to take it back.
        roll_back: Rollback,
    },
    /// Nothing now: it renews what was renewed less than a quarter of its window ago. The next
    /// sweep that finds it due tells the store.
    Postponed {
        /// The placement that the session has.
        placed_at: Timestamp,
    },
    /// Nothing at all: the beat was late, or there was nothing to leave.
    Nothing,
}

impl Slot {
    /// What is told of a change, and how it is taken back.
    pub(crate) fn store_write(&self, before: Option<Session>) -> StoreWrite {
        let after = self.session();
        StoreWrite::Put { sessions: vec![after.clone()], roll_back: Rollback::new(before, after) }
    }

    pub(crate) fn touch(&self) -> Touch {
        let (user, id) = (self.user.clone(), self.id.clone());
        Touch::Session { user, id, seen_at: self.seen_at, active_at: self.active_at }
    }
}
