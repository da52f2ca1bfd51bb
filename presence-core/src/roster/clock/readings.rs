//! By which clock each session is judged.

use crate::roster::sessions::slot::{Slot, flag};
use crate::time::{Blind, Timestamp, View, ViewClock};
use std::time::Duration;

/// By how much a proof may set stamps back.
const SET_BACK: Duration = Duration::from_millis(1);

/// What time it is: by the process, by its reckoning of the store, and by the proofs of each shard.
#[derive(Clone)]
pub(crate) struct Clocks {
    /// One per shard of the store.
    proven: Vec<ViewClock>,
    /// The newest proof of any shard, and the process's time when it arrived.
    newest: Option<(Timestamp, Timestamp)>,
}

/// The clocks at one moment of the process.
pub(crate) struct ClockReadings<'a> {
    /// The process's own time.
    pub now: Timestamp,
    /// What stamps are made with.
    pub stamp: Timestamp,
    /// The stamp as a view: judges what the store never confirmed.
    reckoned: ViewClock,
    /// Whether stamps are by the store's time.
    pub is_proven: bool,
    proven: &'a [ViewClock],
}

impl Clocks {
    pub fn new(shards: u16) -> Self {
        let proven = (0..shards.max(1)).map(|_| ViewClock::default()).collect();
        Self { proven, newest: None }
    }

    /// Takes what the store said its time was, for stamps; answers whether nothing was known of it
    /// before.
    pub fn calibrate(&mut self, at: Timestamp, on: Timestamp) -> bool {
        let Some((newest, newest_on)) = self.newest else {
            self.newest = Some((at, on));
            return true;
        };
        // What arrives late is no reason to set stamps back. A clock that runs faster than the
        // store's is set back little by little.
        let reckoned = newest + on.since(newest_on);
        if at >= reckoned {
            self.newest = Some((at, on));
        } else if at > newest {
            self.newest = Some((at.max(reckoned - SET_BACK), on));
        }
        false
    }

    /// A watch of all shards begins.
    pub fn begin(&mut self) {
        self.proven.iter_mut().for_each(ViewClock::interrupt);
    }

    /// A proof of a shard's time has failed.
    pub fn falter(&mut self, shard: u16) {
        if let Some(clock) = self.proven.get_mut(usize::from(shard)) {
            clock.interrupt();
        }
    }

    /// Takes a proof; answers whether the shard's time came in a leap.
    pub fn prove(&mut self, shard: u16, at: Timestamp, on: Timestamp, blind: &[Blind]) -> bool {
        let Some(clock) = self.proven.get_mut(usize::from(shard)) else { return false };
        clock.prove(at, on, blind)
    }

    /// The newest proof and the process's time since; before the first proof, the process's time.
    pub fn stamp(&self, now: Timestamp) -> Timestamp {
        self.newest.map_or(now, |(at, on)| at + now.since(on))
    }

    /// All that decides about what is to come, by times that count from `now`.
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

    /// Whether what is shown is worth believing: as stale as the stalest shard.
    pub fn view(&self, now: Timestamp) -> View {
        let stale = |clock: &ViewClock| match clock.view(now) {
            View::Fresh => None,
            View::Stale { since } => Some(since),
        };
        self.proven.iter().filter_map(stale).min().map_or(View::Fresh, |since| View::Stale { since })
    }
}

impl ClockReadings<'_> {
    /// The view that judges a session; `None` as long as nothing can be said of it.
    pub fn of(&self, slot: &Slot) -> Option<&ViewClock> {
        let proven = self.proven.get(usize::from(slot.shard)).filter(|clock| clock.has_proof());
        match proven {
            Some(proven) if slot.has(flag::CONFIRMED) => Some(proven),
            // Its own beats a process can judge by its own clock; what others said, only by the
            // store's.
            _ if slot.has(flag::TRACKED) || !slot.has(flag::CONFIRMED) => Some(&self.reckoned),
            _ => None,
        }
    }

    /// The proven time of a shard; before its first proof, what stamps are made with.
    pub fn proven_at(&self, shard: u16) -> Timestamp {
        let proven = self.proven.get(usize::from(shard)).filter(|clock| clock.has_proof());
        proven.map_or(self.stamp, ViewClock::now)
    }

    /// For how long its time has not been proven, as far as that is no silence: the next proof will
    /// include it.
    pub fn unproven_for(&self, slot: &Slot) -> Duration {
        let view = self.of(slot).filter(|view| !std::ptr::eq(*view, &raw const self.reckoned));
        view.map(|view| view.unproven_for(self.now)).unwrap_or_default()
    }

    /// What time it is for a session; zero as long as nothing can be said of it.
    pub fn now_of(&self, slot: &Slot) -> Timestamp {
        self.of(slot).map_or(Timestamp::ZERO, ViewClock::now)
    }
}
