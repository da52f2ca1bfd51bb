//! The store write that follows from a heartbeat, declaration or leave.

use crate::model::Session;
use crate::roster::Rollback;
use crate::roster::sessions::slot::Slot;
use crate::time::Timestamp;

/// What to write to the store after a heartbeat, declaration or leave was recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreWrite {
    /// A renewal of the session's times. It contains no ids: the caller has them, and copying them
    /// would be a tenth of the cost of a heartbeat.
    Touch {
        /// The last heartbeat.
        seen_at: Timestamp,
        /// The user's last activity.
        active_at: Timestamp,
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

    /// The renewal of the session to its present times.
    #[inline]
    pub(crate) fn touch(&self) -> StoreWrite {
        StoreWrite::Touch {
            seen_at: self.seen_at,
            active_at: self.active_at,
            placed_at: self.placed_at,
            confirms: !self.stored.is_stored(),
        }
    }
}
