//! The bounded memory of a rate limit: a cell for each key.

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The key of the cell that all new keys share while there is no room for more cells.
const SHARED: u64 = 0;
/// The smallest number of cells at which a sweep is requested.
const LEAST: usize = 64;

/// The store of a rate limiter: for each key, the instant at which its whole burst
/// is available again.
///
/// A sweep drops the keys whose whole burst is available. A sweep visits every cell, so it is
/// requested only when the number of cells has doubled since the last sweep, or when the
/// table is full.
#[derive(Clone)]
pub(super) struct Cells(Arc<Shared>);

struct Shared {
    max_keys: usize,
    /// Read without the lock.
    wants_sweep: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The keys are seeded hashes already.
    cells: HashMap<u64, Nanos, foldhash::fast::RandomState>,
    /// The number of cells at which the next sweep is requested.
    sweep_at: usize,
}

impl Cells {
    pub(super) fn new(max_keys: usize) -> Self {
        let inner = Inner { cells: HashMap::default(), sweep_at: LEAST.min(max_keys) };
        Self(Arc::new(Shared { max_keys, wants_sweep: AtomicBool::new(false), inner: Mutex::new(inner) }))
    }

    pub(super) fn wants_sweep(&self) -> bool {
        self.0.wants_sweep.load(Relaxed)
    }
}

impl StateStore for Cells {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut inner = self.0.inner.lock();
        if let Some(cell) = inner.cells.get_mut(key) {
            let (outcome, next) = measure(Some(*cell))?;
            *cell = next;
            return Ok(outcome);
        }
        let key = if inner.cells.len() < self.0.max_keys { *key } else { SHARED };
        let measured = measure(inner.cells.get(&key).copied());
        if let Ok((_, next)) = &measured {
            inner.cells.insert(key, *next);
        }
        if inner.cells.len() >= inner.sweep_at {
            self.0.wants_sweep.store(true, Relaxed);
        }
        measured.map(|(outcome, _)| outcome)
    }
}

impl ShrinkableKeyedStateStore<u64> for Cells {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut inner = self.0.inner.lock();
        inner.cells.retain(|_, whole_at| *whole_at > drop_below);
        inner.sweep_at = LEAST.max(2 * inner.cells.len()).min(self.0.max_keys);
        self.0.wants_sweep.store(false, Relaxed);
    }

    fn len(&self) -> usize {
        self.0.inner.lock().cells.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
