//! When the next check of each shard is due, readable without the shards' locks.

use crate::roster::signal::Signal;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// When the next check of each shard is due. So sweeps run only when a check is due, and lock only
/// the shards that have one.
///
/// A time here may be too early, but never too late. A queued check moves it earlier at once, and
/// only a sweep that has done all due checks moves it later; both under the shard's lock.
pub(crate) struct Due {
    shards: Box<[AtomicU64]>,
    /// The time that was announced to the caller of sweeps, or an earlier one that
    /// was signalled since.
    announced: AtomicU64,
    /// Called when a check becomes due earlier than announced.
    earlier: Arc<Signal>,
}

impl Due {
    pub fn new(shards: usize, earlier: Arc<Signal>) -> Self {
        let never = || AtomicU64::new(Timestamp::MAX.as_millis());
        Self { shards: (0..shards).map(|_| never()).collect(), announced: never(), earlier }
    }

    /// Whether a check of a shard is due at `now`.
    pub fn is_due(&self, shard: usize, now: Timestamp) -> bool {
        self.shards[shard].load(Ordering::Acquire) <= now.as_millis()
    }

    /// Records that a check of a shard is due at `at`, or earlier.
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

    /// Records that no check of a shard is due before `at`.
    pub fn postpone(&self, shard: usize, at: Timestamp) {
        self.shards[shard].store(at.as_millis(), Ordering::Release);
    }

    /// When the next check of any shard is due. If an earlier one is queued later, the
    /// signal is called.
    pub fn announce(&self) -> Timestamp {
        // Reset before the shards are read: a check that is queued meanwhile is either read here,
        // or it is earlier than the announced time and calls the signal.
        self.announced.swap(u64::MAX, Ordering::AcqRel);
        let earliest = self.shards.iter().map(|at| at.load(Ordering::Acquire)).min();
        let earliest = earliest.unwrap_or(u64::MAX);
        Timestamp::from_millis(self.announced.fetch_min(earliest, Ordering::AcqRel).min(earliest))
    }
}
