//! Declared statuses: online, away, busy or offline, with a message.

use crate::model::{Beat, Declaration, Declared, SessionKey};
use crate::roster::sessions::cost::Need;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{BeatSource, Refused, Roster, StoreWrite};
use crate::time::Timestamp;
use std::time::Duration;

impl Roster {
    /// Records a declaration; returns what to write to the store. It enters an unknown session, but
    /// does not count as a heartbeat.
    ///
    /// # Errors
    /// As for [`Roster::beat`].
    pub fn declare(
        &self,
        key: &SessionKey,
        declaration: Declaration,
        shard: u16,
        now: Timestamp,
    ) -> Result<StoreWrite, Refused> {
        let beat = Beat::renew(key.user.clone(), key.id.clone()).declares(declaration);
        self.under_lock(&key.user, now, |locked, hash, reconciler| {
            Self::admit(locked, (&key.user, &key.id), shard, reconciler)?;
            let found = locked.look_up(hash, &key.user, &key.id);
            if let Some(at) = found.at {
                locked.move_to_store_time(hash, at, reconciler);
                let before = locked.user_state(found.head, [at]);
                self.admit_need(&Need::of(&beat, Some(&locked.slots[at]), |_| true))?;
                let (stamp, slot) = (reconciler.times.stamp, &mut locked.slots[at]);
                let old = slot.session();
                if !slot.declare(&beat, stamp) {
                    return Ok(StoreWrite::Postponed { placed_at: slot.placed_at });
                }
                slot.set(flag::TRACKED, true);
                locked.reconcile(locked.head_of(at), before, reconciler);
                return Ok(locked.slots[at].store_write(Some(old)));
            }
            self.enter(locked, found, &beat, BeatSource::Declaration, shard, reconciler)
        })
    }
}

impl Slot {
    /// Applies the declaration of a heartbeat; returns whether it changed anything.
    pub(crate) fn declare(&mut self, beat: &Beat, stamp: Timestamp) -> bool {
        let Some(declaration) = &beat.declares else { return false };
        let known = self.declared();
        // A session without heartbeats is kept alive by its declarations: repeating one after a
        // quarter of the lease renews the session.
        let renews = |known: &Declared| {
            self.seen_at == Timestamp::ZERO
                && declaration.until.is_none()
                && stamp.since(known.at) >= self.lease() / 4
        };
        if known.is_some_and(|known| declaration.repeats(known) && !renews(known)) {
            return false;
        }
        let at = known.map_or(stamp, |known| stamp.max(known.at + Duration::from_millis(1)));
        self.set_declared(Some(declaration.clone().declared(at)));
        true
    }
}
