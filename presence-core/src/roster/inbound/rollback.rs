//! Rollback of changes that the store has refused.

use crate::model::{Departure, Session};
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::reconcile::user_state::UserState;
use crate::roster::sessions::shard::Shard;
use crate::time::Timestamp;

/// A session before and after a change, to revert the change if the store refuses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// The session before the change; `None` if it did not exist.
    before: Option<Box<Session>>,
    /// The session after the change. Only fields that still have these values are reverted; later
    /// changes are kept.
    after: Box<Session>,
}

impl Rollback {
    pub(crate) fn new(before: Option<Session>, after: Session) -> Self {
        Self { before: before.map(Box::new), after: Box::new(after) }
    }
}

impl Roster {
    /// Reverts a change that the store has refused. Fields that have changed since are kept.
    pub fn roll_back(&self, Rollback { before, after }: &Rollback, now: Timestamp) {
        self.under_lock(&after.user, now, |locked, hash, reconciler| {
            let Some(at) = locked.find(hash, &after.user, &after.id) else { return };
            let head = locked.head(hash, &after.user).unwrap_or(at);
            let user_state = locked.user_state(Some(head), [at]);
            let is_unchanged = locked.slots[at].placement() == after.placement;
            match before {
                Some(old) => {
                    let placed = is_unchanged.then(|| self.placed_as(old));
                    let slot = &mut locked.slots[at];
                    if let Some(placed) = placed {
                        slot.place(placed);
                    }
                    if slot.declared() == after.declared.as_ref() {
                        slot.set_declared(old.declared.clone());
                    }
                    if (slot.seen_at, slot.active_at) == (after.seen_at, after.active_at) {
                        (slot.seen_at, slot.active_at) = (old.seen_at, old.active_at);
                    }
                    locked.reconcile(head, user_state, reconciler);
                }
                None if is_unchanged => self.reconcile_removal(locked, at, user_state, reconciler),
                None => {}
            }
        });
    }

    /// Removes a session that the refused change entered, and derives the leaves that follow.
    fn reconcile_removal(&self, locked: &mut Shard, at: u32, before: UserState, reconciler: &Reconciler<'_>) {
        // An immediate departure makes it reconcile as gone; only then may it be removed from the
        // user's chain.
        locked.slots[at].set_left(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        locked.reconcile(locked.head_of(at), before, reconciler);
        self.drop_session(locked, at);
    }
}
