//! What the store proves of its time, and what must be looked at because of it.

use crate::roster::Roster;
use crate::roster::clock::readings::Clocks;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::{Blind, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Roster {
    /// Learns the store's time, so that stamps are made by it; answers nothing about what it holds.
    ///
    /// The first time, what has been stamped by the process's own clock is moved to the store's, as
    /// long as the store has not been told of it.
    pub fn calibrate(&self, at: Timestamp, now: Timestamp) {
        let (is_first, ahead) = self.change_clocks(now, |clocks| clocks.calibrate(at, now));
        if is_first {
            self.me.shift(ahead);
            self.walk(now, |locked, at, reconciler| {
                locked.move_to_store_time(locked.slots[at].hash, at, reconciler);
            });
        }
    }

    /// Takes a proof: a shard of the store took a write at its time `at`, everything up to then has
    /// been told, and in the stretches `blind` nobody could write.
    pub fn prove(&self, shard: u16, at: Timestamp, blind: &[Blind], now: Timestamp) {
        self.calibrate(at, now);
        if !self.draining.load(Ordering::Acquire) {
            // Nobody knows better how this process is. One that was stopped for a while would
            // otherwise see all its own connections lapse, until its next beat.
            self.beat_node(now);
        }
        if self.change_clocks(now, |clocks| clocks.prove(shard, at, now, blind)).0 {
            // What the store told of this shard can be judged at last, or what was to be looked at
            // by a time that stood still is due sooner than the wheel thinks, or has not come to
            // pass after all. So is what is judged by this process's reckoning, which has gone
            // along.
            self.reconcile_all(now, |slot| {
                slot.shard == shard || slot.has(flag::TRACKED) || !slot.has(flag::CONFIRMED)
            });
        }
    }

    /// An attempt to prove a shard's time has failed.
    pub fn falter(&self, shard: u16) {
        Arc::make_mut(&mut self.clocks.write()).falter(shard);
    }

    /// Changes the clocks, and answers how far they are ahead of the process's own after that.
    pub(crate) fn change_clocks<T>(&self, now: Timestamp, change: impl FnOnce(&mut Clocks) -> T) -> (T, u64) {
        let mut clocks = self.clocks.write();
        let done = change(Arc::make_mut(&mut clocks));
        let ahead = clocks.stamp(now).as_millis().wrapping_sub(now.as_millis());
        self.ahead.store(ahead, Ordering::Relaxed);
        (done, ahead)
    }

    /// Looks at the chosen sessions out of turn.
    pub(crate) fn reconcile_all(&self, now: Timestamp, mut choose: impl FnMut(&mut Slot) -> bool) {
        self.walk(now, |locked, at, reconciler| {
            if choose(&mut locked.slots[at]) {
                Self::recheck(locked, at, reconciler);
            }
        });
    }

    fn recheck(locked: &mut Shard, at: u32, reconciler: &Reconciler<'_>) {
        if !locked.is_reconciled(locked.head_of(at), at, reconciler) {
            return locked.reconcile_at(at, reconciler);
        }
        if !locked.slots[at].state.is_live() {
            let now = reconciler.times.now_of(&locked.slots[at]);
            locked.slots[at].miss_node(now);
        }
        locked.queue_check(at, reconciler);
    }
}

impl Shard {
    /// Moves a session that was stamped by the process's own clock to the store's time, if that has
    /// become known and [`Roster::calibrate`] has not come to this shard yet.
    pub(crate) fn move_to_store_time(&mut self, hash: u32, at: u32, reconciler: &Reconciler<'_>) {
        if !self.slots[at].has(flag::OWN_TIME) || !reconciler.times.is_proven {
            return;
        }
        let ahead = reconciler.times.stamp.as_millis().wrapping_sub(reconciler.times.now.as_millis());
        let head = self.head(hash, &self.slots[at].user).unwrap_or(at);
        let before = self.user_state(Some(head), [at]);
        if self.slots[at].move_to_store_time(ahead) {
            self.reconcile(head, before, reconciler);
        }
    }
}

impl Slot {
    /// Moves what was stamped by the process's own clock, unless the store was told of it so;
    /// answers whether it moved.
    fn move_to_store_time(&mut self, ahead: u64) -> bool {
        self.set(flag::OWN_TIME, false);
        let moves = !self.has(flag::CONFIRMED);
        if moves {
            self.shift(ahead);
        }
        moves
    }
}
