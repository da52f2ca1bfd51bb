//! Taking back what the store has refused.

use crate::model::{Departure, Session};
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::reconcile::user_state::UserState;
use crate::roster::sessions::shard::Shard;
use crate::time::Timestamp;

/// What a session was before a change, so that a refused change can be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// `None` if it was not known.
    before: Option<Box<Session>>,
    /// What the change made of it: of this is taken back what is still so; what came later stays.
    after: Box<Session>,
}

impl Rollback {
    pub(crate) fn new(before: Option<Session>, after: Session) -> Self {
        Self { before: before.map(Box::new), after: Box::new(after) }
    }
}

impl Roster {
    /// Takes back a change that the store has refused; what has come since stays.
    pub fn roll_back(&self, Rollback { before, after }: &Rollback, now: Timestamp) {
        self.under_lock(&after.user, now, |locked, hash, reconciler| {
            let Some(at) = locked.find(hash, &after.user, &after.id) else { return };
            let head = locked.head(hash, &after.user).unwrap_or(at);
            let user_state = locked.user_state(Some(head), [at]);
            let is_so = locked.slots[at].placement() == after.placement;
            match before {
                Some(old) => {
                    let placed = is_so.then(|| self.placed_as(old));
                    let slot = &mut locked.slots[at];
                    if let Some(placed) = placed {
                        slot.place(placed);
                    }
                    if slot.declared() == after.declared.as_ref() {
                        slot.say(old.declared.clone());
                    }
                    if (slot.seen_at, slot.active_at) == (after.seen_at, after.active_at) {
                        (slot.seen_at, slot.active_at) = (old.seen_at, old.active_at);
                    }
                    locked.reconcile(head, user_state, reconciler);
                }
                None if is_so => self.reconcile_removal(locked, at, user_state, reconciler),
                None => {}
            }
        });
    }

    /// Takes a session out, whatever it was, and tells who saw it.
    fn reconcile_removal(&self, locked: &mut Shard, at: u32, before: UserState, reconciler: &Reconciler<'_>) {
        // As departed it settles as gone; its place in the chain may be the only one.
        locked.slots[at].end(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        locked.reconcile(locked.head_of(at), before, reconciler);
        self.drop_session(locked, at);
    }
}
