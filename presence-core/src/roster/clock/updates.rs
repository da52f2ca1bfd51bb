//! Updates of the store's proven time, after which sessions are checked again.

use crate::roster::Roster;
use crate::roster::clock::readings::Clocks;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::{Blind, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Roster {
    /// Adjusts the stamp time to the store's time `at`, without proving anything about
    /// the roster's content.
    ///
    /// The first call converts the sessions that were stamped by the process's own clock to the
    /// store's time, unless the store has them already.
    pub fn calibrate(&self, at: Timestamp, now: Timestamp) {
        let (is_first, ahead) = self.change_clocks(now, |clocks| clocks.calibrate(at, now));
        if is_first {
            self.me.shift(ahead);
            self.walk(now, |locked, at, reconciler| {
                locked.move_to_store_time(locked.slots[at].hash, at, reconciler);
            });
        }
    }

    /// Accepts a proof: the shard accepted a write at its time `at`, everything written before has
    /// been delivered, and no process could write during the stretches `blind`.
    pub fn prove(&self, shard: u16, at: Timestamp, blind: &[Blind], now: Timestamp) {
        self.calibrate(at, now);
        if !self.draining.load(Ordering::Acquire) {
            // A proof counts as a heartbeat of this process. Otherwise, after a pause of the
            // process, its held sessions would seem lapsed until its next heartbeat.
            self.beat_node(now);
        }
        if self.change_clocks(now, |clocks| clocks.prove(shard, at, now, blind)).0 {
            // The shard's time leapt. The states of its sessions may have changed, or may change
            // sooner than scheduled. So may those of sessions that are judged by the stamp time,
            // which moved as well.
            self.reconcile_all(now, |slot| {
                slot.shard == shard || slot.has(flag::TRACKED) || !slot.stored.was_stored()
            });
        }
    }

    /// Records that an attempt to prove a shard's time failed.
    pub fn falter(&self, shard: u16) {
        Arc::make_mut(&mut self.clocks.write()).falter(shard);
    }

    /// Records that virtual time was skipped until the next proof of a shard.
    pub fn skip(&self, shard: u16) {
        Arc::make_mut(&mut self.clocks.write()).skip(shard);
    }

    /// Changes the clocks; returns the result, and the new offset from the process's time.
    pub(crate) fn change_clocks<T>(&self, now: Timestamp, change: impl FnOnce(&mut Clocks) -> T) -> (T, u64) {
        let mut clocks = self.clocks.write();
        let done = change(Arc::make_mut(&mut clocks));
        let ahead = clocks.stamp(now).as_millis().wrapping_sub(now.as_millis());
        self.ahead.store(ahead, Ordering::Relaxed);
        (done, ahead)
    }

    /// Checks the sessions that `choose` selects, whether or not they are due.
    pub(crate) fn reconcile_all(&self, now: Timestamp, mut choose: impl FnMut(&mut Slot) -> bool) {
        self.walk(now, |locked, at, reconciler| {
            if choose(&mut locked.slots[at]) {
                Self::recheck(locked, at, reconciler);
            }
        });
    }

    fn recheck(locked: &mut Shard, at: u32, reconciler: &Reconciler<'_>) {
        if locked.reconcile_if_due(at, reconciler) {
            return;
        }
        if !locked.slots[at].state.is_live() {
            let now = reconciler.times.now_of(&locked.slots[at]);
            locked.slots[at].miss_node(now);
        }
        locked.queue_check(at, reconciler);
    }
}

impl Shard {
    /// Converts a session that was stamped by the process's own clock to the store's time, if that
    /// is known and [`Roster::calibrate`] has not converted this session yet.
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
    /// Converts the session to the store's time, unless the store has it already; returns whether
    /// it did.
    fn move_to_store_time(&mut self, ahead: u64) -> bool {
        self.set(flag::OWN_TIME, false);
        let moves = !self.stored.was_stored();
        if moves {
            self.shift(ahead);
        }
        moves
    }
}
