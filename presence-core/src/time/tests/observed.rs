//! A shard, a process, and what the process has been proven.

use crate::time::{Ask, BlindList, TimeLine, Timestamp, ViewClock};
use std::time::Duration;

/// Where the store's clock stands when the process's stands at zero: they are never the same.
pub const OFFSET: u64 = 5_000_000;

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A shard, a process and what it has been proven. Both clocks run; proofs come when the test says
/// so.
pub struct Observed {
    pub view: ViewClock,
    pub line: TimeLine,
    pub on: Timestamp,
    pub at: Timestamp,
}

impl Observed {
    /// Of a shard that has been there for long.
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

    /// Time passes, without a word from the store.
    pub fn silent(&mut self, passes: u64) {
        (self.on, self.at) = (self.on + millis(passes), self.at + millis(passes));
    }

    /// Time passes, and is proven every 250 ms.
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
