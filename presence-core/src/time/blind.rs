//! Blind stretches: periods in which no process could write to a shard. They do not
//! count toward ages.

use super::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Maximum number of blind stretches in a list.
pub const BLIND_STRETCHES: usize = 32;

/// A period of a shard's time in which no process could write, or over which its clock stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Blind {
    /// When it starts.
    pub from: Timestamp,
    /// When it ends: the first instant that is not part of it.
    pub to: Timestamp,
}

impl Blind {
    /// The duration of the stretch.
    pub const fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// The blind stretches of one shard: sorted, disjoint, at most [`BLIND_STRETCHES`].
///
/// When one more is added, the two oldest are merged. The merged stretch ends when the later one
/// ended, and is as long as both together. So an age may become smaller, but never greater.
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

    /// Adds a stretch, merging it with those that it overlaps or touches.
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

    /// Merges another list of the same shard's stretches; returns whether this changed anything.
    ///
    /// The first stretch of a full list may be the result of merging several. It then contains all
    /// stretches of this list that end no later. These are dropped, so that they do
    /// not count twice.
    pub fn learn(&mut self, others: &[Blind]) -> bool {
        if self.0 == others {
            return false;
        }
        let before = self.0.clone();
        if others.len() >= BLIND_STRETCHES
            && let Some(oldest) = others.first()
        {
            self.0.retain(|known| known.to > oldest.to);
        }
        others.iter().for_each(|stretch| self.add(*stretch));
        self.0 != before
    }

    /// The blind time between `then` and `now`.
    pub fn missed(&self, then: Timestamp, now: Timestamp) -> Duration {
        missed(&self.0, then, now)
    }

    /// Like [`missed`](Self::missed), but the time before the shard began does not count as blind.
    /// It is the stretch that starts at [`Timestamp::ZERO`], if there is one.
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
