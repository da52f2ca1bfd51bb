//! Taking back what the store has refused.

use super::Roster;
use super::settle::Settling;
use super::shard::Shard;
use super::standing::Standing;
use crate::model::{Departure, Session};
use crate::time::Timestamp;

/// What a session was before a change, so that a refused change can be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// `None` if it was not known.
    before: Option<Box<Session>>,
    /// What the change made of it: of this is taken back what is still so; what came later stays.
    after: Box<Session>,
}

impl Undo {
    pub(super) fn new(before: Option<Session>, after: Session) -> Self {
        Self { before: before.map(Box::new), after: Box::new(after) }
    }
}

impl Roster {
    /// Takes back a change that the store has refused; what has come since stays.
    pub fn undo(&self, Undo { before, after }: &Undo, now: Timestamp) {
        self.under_lock(&after.user, now, |locked, hash, settling| {
            let Some(at) = locked.find(hash, &after.user, &after.id) else { return };
            let head = locked.head(hash, &after.user).unwrap_or(at);
            let standing = locked.standing(Some(head), [at]);
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
                    locked.settle(head, standing, settling);
                }
                None if is_so => self.settle_out(locked, at, standing, settling),
                None => {}
            }
        });
    }

    /// Takes a session out, whatever it was, and tells who saw it.
    fn settle_out(&self, locked: &mut Shard, at: u32, before: Standing, settling: &Settling<'_>) {
        // As departed it settles as gone; its place in the chain may be the only one.
        locked.slots[at].end(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        locked.settle(locked.head_of(at), before, settling);
        self.drop_session(locked, at);
    }
}
