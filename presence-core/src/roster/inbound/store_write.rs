//! The store write that follows from a heartbeat, declaration or leave.

use crate::model::Session;
use crate::roster::Rollback;
use crate::roster::sessions::slot::Slot;
use crate::store::Touch;
use crate::time::Timestamp;

/// What to write to the store after a heartbeat, declaration or leave was recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreWrite {
    /// A renewal of the session's times.
    Touch {
        /// The new times.
        touch: Touch,
        /// When the session's present placement was made.
        placed_at: Timestamp,
        /// Whether the session is unconfirmed, so that a successful touch must be reported by
        /// [`Roster::confirm`](crate::roster::Roster::confirm).
        confirms: bool,
    },
    /// A change of the session.
    Put {
        /// The changed session, and any that were evicted to make room for it.
        sessions: Vec<Session>,
        /// Reverts the change if the store refuses it. In a box, so that renewals are cheap to move.
        roll_back: Box<Rollback>,
    },
    /// Nothing for now: the last renewal in the store is recent enough. A sweep returns the touch
    /// when it is due.
    Postponed {
        /// When the session's present placement was made.
        placed_at: Timestamp,
    },
    /// Nothing: the heartbeat was late (after a leave), or there was nothing to leave.
    Nothing,
}

impl Slot {
    /// The put of the session as it is now, with the rollback to `before`.
    pub(crate) fn store_write(&self, before: Option<Session>) -> StoreWrite {
        let roll_back = Box::new(Rollback::of(self, before));
        StoreWrite::Put { sessions: vec![self.session()], roll_back }
    }

    #[inline]
    pub(crate) fn touch(&self) -> Touch {
        let (user, id) = (self.user.clone(), self.id.clone());
        Touch::Session { user, id, seen_at: self.seen_at, active_at: self.active_at }
    }
}
