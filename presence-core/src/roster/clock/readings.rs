//! The clocks by which the states of sessions are decided: the process's own, and one per shard of
//! the store.

use crate::roster::sessions::slot::{Slot, flag};
use crate::time::{Blind, Timestamp, View, ViewClock};
use std::time::Duration;

/// The most by which one proof sets the stamp time back.
const SET_BACK: Duration = Duration::from_millis(1);

/// The store's time as this process knows it: the proofs of each shard, and the stamp time, which
/// is derived from the newest one.
#[derive(Clone)]
pub(crate) struct Clocks {
    /// One clock per shard of the store.
    proven: Vec<ViewClock>,
    /// The newest proof of any shard, and the process's time when it arrived.
    newest: Option<(Timestamp, Timestamp)>,
}

/// The clocks as read at one moment.
pub(crate) struct ClockReadings<'a> {
    /// The process's own time.
    pub now: Timestamp,
    /// The stamp time: the time that is written into new records.
    pub stamp: Timestamp,
    /// A view at the stamp time, for sessions that the store never confirmed.
    reckoned: ViewClock,
    /// Whether the stamp time is derived from the store's time.
    pub is_proven: bool,
    proven: &'a [ViewClock],
}

impl Clocks {
    pub fn new(shards: u16) -> Self {
        let proven = (0..shards.max(1)).map(|_| ViewClock::default()).collect();
        Self { proven, newest: None }
    }

    /// Adjusts the stamp time to a store's time `at` that arrived at the process's time `on`;
    /// returns whether it is the first one.
    pub fn calibrate(&mut self, at: Timestamp, on: Timestamp) -> bool {
        let Some((newest, newest_on)) = self.newest else {
            self.newest = Some((at, on));
            return true;
        };
        // A late arrival must not set the stamp time back. If the process's clock runs faster than
        // the store's, it is set back in small steps.
        let reckoned = newest + on.since(newest_on);
        if at >= reckoned {
            self.newest = Some((at, on));
        } else if at > newest {
            self.newest = Some((at.max(reckoned - SET_BACK), on));
        }
        false
    }

    /// Starts a new watch: all shards wait for its proofs.
    pub fn begin(&mut self) {
        self.proven.iter_mut().for_each(ViewClock::interrupt);
    }

    /// Records that a proof of a shard's time failed.
    pub fn falter(&mut self, shard: u16) {
        if let Some(clock) = self.proven.get_mut(usize::from(shard)) {
            clock.interrupt();
        }
    }

    /// Records that virtual time was skipped until the next proof of a shard.
    pub fn skip(&mut self, shard: u16) {
        if let Some(clock) = self.proven.get_mut(usize::from(shard)) {
            clock.skip();
        }
    }

    /// Accepts a proof of a shard's time; returns whether that time leapt.
    pub fn prove(&mut self, shard: u16, at: Timestamp, on: Timestamp, blind: &[Blind]) -> bool {
        let Some(clock) = self.proven.get_mut(usize::from(shard)) else { return false };
        clock.prove(at, on, blind)
    }

    /// The stamp time: the newest proof plus the process's time since; before the first proof, the
    /// process's time.
    pub fn stamp(&self, now: Timestamp) -> Timestamp {
        self.newest.map_or(now, |(at, on)| at + now.since(on))
    }

    /// Everything that future behaviour depends on, with times relative to `now`.
    #[cfg(test)]
    pub fn outlook(&self, now: Timestamp) -> impl std::hash::Hash + use<> {
        let proven: Vec<_> = self.proven.iter().map(|clock| clock.outlook(now)).collect();
        (self.stamp(now).relative_to(now), self.newest.is_some(), proven)
    }

    pub fn at(&self, now: Timestamp) -> ClockReadings<'_> {
        let stamp = self.stamp(now);
        let reckoned = ViewClock::running(stamp);
        ClockReadings { now, stamp, reckoned, is_proven: self.newest.is_some(), proven: &self.proven }
    }

    /// Whether the roster's content is fresh. If several shards are stale, returns the view of the
    /// one that has been stale longest.
    pub fn view(&self, now: Timestamp) -> View {
        let stale = |clock: &ViewClock| match clock.view(now) {
            View::Fresh => None,
            View::Stale { since } => Some(since),
        };
        self.proven.iter().filter_map(stale).min().map_or(View::Fresh, |since| View::Stale { since })
    }

    /// Whether some shard has had no proof since `since`, but one is expected soon.
    pub fn awaits_proof(&self, since: Timestamp, now: Timestamp) -> bool {
        self.proven.iter().any(|clock| clock.awaits_proof(since, now))
    }

    /// When the roster's content turns stale unless proofs arrive; `None` if it is stale.
    pub fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut earliest = Some(Timestamp::MAX);
        for clock in &self.proven {
            earliest = earliest.min(clock.fresh_until(now));
        }
        earliest
    }
}

impl ClockReadings<'_> {
    /// The view that decides a session's state; `None` if the shard's time is not known yet and the
    /// session belongs to another process.
    pub fn of(&self, slot: &Slot) -> Option<&ViewClock> {
        let proven = self.proven.get(usize::from(slot.shard)).filter(|clock| clock.has_proof());
        match proven {
            Some(proven) if slot.stored.was_stored() => Some(proven),
            // Heartbeats that this process received may be judged by its own clock, those of other
            // processes only by the store's.
            _ if slot.has(flag::TRACKED) || !slot.stored.was_stored() => Some(&self.reckoned),
            _ => None,
        }
    }

    /// The proven time of a shard; before its first proof, the stamp time.
    pub fn proven_at(&self, shard: u16) -> Timestamp {
        let proven = self.proven.get(usize::from(shard)).filter(|clock| clock.has_proof());
        proven.map_or(self.stamp, ViewClock::now)
    }

    /// The time since the last proof of a session's view, which the next proof is expected to make
    /// up for. It is zero during a silence.
    pub fn unproven_for(&self, view: &ViewClock) -> Duration {
        if std::ptr::eq(view, &raw const self.reckoned) {
            Duration::ZERO
        } else {
            view.unproven_for(self.now)
        }
    }

    /// The time of the session's view; zero if its state cannot be decided yet.
    pub fn now_of(&self, slot: &Slot) -> Timestamp {
        self.of(slot).map_or(Timestamp::ZERO, ViewClock::now)
    }
}
