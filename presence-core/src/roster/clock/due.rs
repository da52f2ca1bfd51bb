//! When the next check of each shard is due, readable without the shards' locks.

use crate::roster::signal::Signal;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// When the next check of each shard is due, so that a sweep locks only shards with something to
/// do, and is called only when there is one.
///
/// A time here may be too early, never too late: times are moved earlier as soon as a check is
/// queued, and later only by the sweep that has done what was due, both under the shard's lock.
pub(crate) struct Due {
    shards: Box<[AtomicU64]>,
    /// No later than the earliest of `shards` that was announced to the caller of sweeps.
    announced: AtomicU64,
    /// Called when something becomes due earlier than announced.
    earlier: Arc<Signal>,
}

impl Due {
    pub fn new(shards: usize, earlier: Arc<Signal>) -> Self {
        let never = || AtomicU64::new(Timestamp::MAX.as_millis());
        Self { shards: (0..shards).map(|_| never()).collect(), announced: never(), earlier }
    }

    /// Whether a shard has anything to do at `now`.
    pub fn is_due(&self, shard: usize, now: Timestamp) -> bool {
        self.shards[shard].load(Ordering::Acquire) <= now.as_millis()
    }

    /// Notes that something of a shard is due at `at`, or earlier.
    pub fn advance(&self, shard: usize, at: Timestamp) {
        let at = at.as_millis();
        if self.shards[shard].load(Ordering::Relaxed) <= at {
            return;
        }
        self.shards[shard].store(at, Ordering::Release);
        if self.announced.fetch_min(at, Ordering::AcqRel) > at {
            self.earlier.call();
        }
    }

    /// Notes that nothing of a shard is due before `at`.
    pub fn postpone(&self, shard: usize, at: Timestamp) {
        self.shards[shard].store(at.as_millis(), Ordering::Release);
    }

    /// When the next sweep has something to do. From now on, the signal tells of anything earlier.
    pub fn announce(&self) -> Timestamp {
        // Withdrawn before the shards are read: what is noted meanwhile is either read here, or
        // finds itself earlier than announced.
        self.announced.swap(u64::MAX, Ordering::AcqRel);
        let earliest = self.shards.iter().map(|at| at.load(Ordering::Acquire)).min();
        let earliest = earliest.unwrap_or(u64::MAX);
        Timestamp::from_millis(self.announced.fetch_min(earliest, Ordering::AcqRel).min(earliest))
    }
}
