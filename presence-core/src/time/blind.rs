//! Blind stretches: parts of a shard's time in which nobody could write, and which therefore make
//! nobody older.

use super::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many blind stretches a shard, a handle and a view keep apart.
pub const BLIND_STRETCHES: usize = 32;

/// A stretch of a shard's time in which nothing could be written, or over which a clock has
/// stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Blind {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Blind {
    /// How long it is.
    pub const fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// The blind stretches of one shard: sorted, disjoint, at most [`BLIND_STRETCHES`].
///
/// Where there would be more, the two oldest become one that ends where the later one ended and is
/// as long as both were together. That makes nobody older than they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlindList(Vec<Blind>);

impl BlindList {
    /// The stretches in order.
    pub fn as_slice(&self) -> &[Blind] {
        &self.0
    }

    /// The newest stretch.
    pub fn last(&self) -> Option<Blind> {
        self.0.last().copied()
    }

    /// Adds a stretch; what overlaps or touches it becomes one with it.
    pub fn add(&mut self, mut stretch: Blind) {
        if stretch.to <= stretch.from {
            return;
        }
        let first = self.0.partition_point(|known| known.to < stretch.from);
        let after = self.0.partition_point(|known| known.from <= stretch.to);
        if let Some(overlapped) = self.0.get(first..after).filter(|overlapped| !overlapped.is_empty()) {
            stretch.from = stretch.from.min(overlapped[0].from);
            stretch.to = stretch.to.max(overlapped[overlapped.len() - 1].to);
        }
        self.0.splice(first..after, [stretch]);
        if self.0.len() > BLIND_STRETCHES {
            let oldest = self.0.remove(0);
            self.0[0].from = self.0[0].from - oldest.length();
        }
    }

    /// Takes what somebody else knows of the same shard; answers whether anything of it was new.
    ///
    /// A full list may have put its oldest stretches together: those known here that are as old as
    /// its first one are in it already, and are not counted twice.
    pub fn learn(&mut self, told: &[Blind]) -> bool {
        if self.0 == told {
            return false;
        }
        let before = self.0.clone();
        if told.len() >= BLIND_STRETCHES
            && let Some(oldest) = told.first()
        {
            self.0.retain(|known| known.to > oldest.to);
        }
        told.iter().for_each(|stretch| self.add(*stretch));
        self.0 != before
    }

    /// How much of the time from `then` to `now` is blind.
    pub fn missed(&self, then: Timestamp, now: Timestamp) -> Duration {
        missed(&self.0, then, now)
    }

    /// The same, but for what was before the shard began ([`Timestamp::ZERO`] is in no other
    /// stretch).
    pub fn missed_since_it_began(&self, then: Timestamp, now: Timestamp) -> Duration {
        let unknown = self.0.first().is_some_and(|first| first.from == Timestamp::ZERO);
        missed(&self.0[usize::from(unknown)..], then, now)
    }
}

fn missed(stretches: &[Blind], then: Timestamp, now: Timestamp) -> Duration {
    let later = stretches.iter().rev().take_while(|stretch| stretch.to > then);
    later.map(|stretch| stretch.to.min(now).since(stretch.from.max(then))).sum()
}

impl FromIterator<Blind> for BlindList {
    fn from_iter<I: IntoIterator<Item = Blind>>(stretches: I) -> Self {
        let mut list = Self::default();
        stretches.into_iter().for_each(|stretch| list.add(stretch));
        list
    }
}
