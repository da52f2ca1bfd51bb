//! Rollback of changes that the store has refused.

use crate::model::{Departure, Session, SessionKey};
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::reconcile::user_state::UserState;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::Slot;
use crate::time::Timestamp;

/// Reverts a change that the store refuses: the session before the change, and the times that the
/// change wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    key: SessionKey,
    /// The session before the change; `None` if it did not exist.
    before: Option<Session>,
    /// The times after the change. Only parts that still have these times are reverted: later
    /// changes have later times, and are kept.
    after: Stamps,
}

/// The times of a session's three parts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamps {
    placed: (Timestamp, Option<Departure>),
    declared_at: Option<Timestamp>,
    times: (Timestamp, Timestamp),
}

impl Stamps {
    fn of(slot: &Slot) -> Self {
        Self {
            placed: (slot.placed_at, slot.left()),
            declared_at: slot.declared().map(|declared| declared.at),
            times: (slot.seen_at, slot.active_at),
        }
    }
}

impl Rollback {
    /// The rollback of a change whose result is the present state of `slot`.
    pub(crate) fn of(slot: &Slot, before: Option<Session>) -> Self {
        Self { key: slot.key(), before, after: Stamps::of(slot) }
    }
}

impl Roster {
    /// Reverts a change that the store has refused. Fields that have changed since are kept.
    pub fn roll_back(&self, Rollback { key, before, after }: &Rollback, now: Timestamp) {
        self.under_lock(&key.user, now, |locked, hash, reconciler| {
            let Some(at) = locked.find(hash, &key.user, &key.id) else { return };
            let head = locked.head_of(at);
            let user_state = locked.user_state(Some(head), [at]);
            let present = Stamps::of(&locked.slots[at]);
            let is_unchanged = present.placed == after.placed;
            match before {
                Some(old) => {
                    let placed = is_unchanged.then(|| self.placed_as(old));
                    let slot = &mut locked.slots[at];
                    if let Some(placed) = placed {
                        slot.place(placed);
                    }
                    if present.declared_at == after.declared_at {
                        slot.set_declared(old.declared.clone());
                    }
                    if present.times == after.times {
                        (slot.seen_at, slot.active_at) = (old.seen_at, old.active_at);
                    }
                    locked.reconcile(head, user_state, reconciler);
                }
                None if is_unchanged => self.reconcile_removal(locked, at, user_state, reconciler),
                None => {}
            }
        });
    }

    /// Removes a session that the refused change had entered, and derives the leaves.
    fn reconcile_removal(&self, locked: &mut Shard, at: u32, before: UserState, reconciler: &Reconciler<'_>) {
        // A session must be reconciled as gone before it is removed. An immediate departure has
        // that effect.
        locked.slots[at].set_left(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        locked.reconcile(locked.head_of(at), before, reconciler);
        self.drop_session(locked, at);
    }
}
