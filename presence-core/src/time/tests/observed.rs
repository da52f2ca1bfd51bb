//! A shard, a process, and the view that the process has of the shard.

use crate::time::{Ask, BlindList, TimeLine, Timestamp, ViewClock};
use std::time::Duration;

/// The store's time when the process's clock reads zero: the two clocks always differ.
pub const OFFSET: u64 = 5_000_000;

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A shard, a process and its view. Both clocks run; the test decides when a proof arrives.
pub struct Observed {
    pub view: ViewClock,
    pub line: TimeLine,
    pub on: Timestamp,
    pub at: Timestamp,
}

impl Observed {
    /// With a shard that has existed for a long time.
    pub fn new() -> Self {
        let at = Timestamp::from_millis(OFFSET);
        let line = TimeLine { at, born: at, blind: BlindList::default() };
        let mut observed = Self { view: ViewClock::default(), line, on: Timestamp::ZERO, at };
        observed.prove();
        observed
    }

    pub fn prove(&mut self) -> bool {
        self.line.advance(&Ask::default(), self.at);
        self.view.prove(self.line.at, self.on, self.line.blind.as_slice())
    }

    /// Time passes without proofs.
    pub fn silent(&mut self, passes: u64) {
        (self.on, self.at) = (self.on + millis(passes), self.at + millis(passes));
    }

    /// Time passes with a proof every 250 ms.
    pub fn steady(&mut self, passes: u64) {
        for _ in 0..passes / 250 {
            self.silent(250);
            self.prove();
        }
    }

    pub fn age(&self, then: Timestamp) -> u64 {
        u64::try_from(self.view.age(then).as_millis()).unwrap()
    }

    pub fn is_fresh(&self) -> bool {
        self.view.view(self.on).is_fresh()
    }
}
