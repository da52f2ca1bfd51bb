//! Statistics of the cache.

use metrics::{Counter, counter, describe_counter};
use serde::Serialize;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The statistics of one cache, as in `GET /api/v2/cache/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Reads that were found in the cache.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Entries that were inserted.
    pub keys_added: u64,
    /// Entries that were evicted, or not admitted, for lack of room.
    pub keys_evicted: u64,
    /// The bytes of inserted entries, and of their growth.
    pub cost_added: u64,
    /// The bytes of evicted entries.
    pub cost_evicted: u64,
}

/// The same for Prometheus, summed over all caches of the process.
struct Exported {
    hits: Counter,
    misses: Counter,
    added: Counter,
    evicted: Counter,
    cost_added: Counter,
    cost_evicted: Counter,
}

static EXPORTED: LazyLock<Exported> = LazyLock::new(|| {
    describe_counter!("presence_cache_hits_total", "Users who were asked for and were cached");
    describe_counter!("presence_cache_misses_total", "Users who were asked for and were not cached");
    describe_counter!("presence_cache_keys_added_total", "Users who were put into the cache");
    describe_counter!("presence_cache_keys_evicted_total", "Users who had to go for want of room");
    describe_counter!("presence_cache_cost_added_bytes_total", "Bytes that were put into the cache");
    describe_counter!("presence_cache_cost_evicted_bytes_total", "Bytes that had to go for want of room");
    Exported {
        hits: counter!("presence_cache_hits_total"),
        misses: counter!("presence_cache_misses_total"),
        added: counter!("presence_cache_keys_added_total"),
        evicted: counter!("presence_cache_keys_evicted_total"),
        cost_added: counter!("presence_cache_cost_added_bytes_total"),
        cost_evicted: counter!("presence_cache_cost_evicted_bytes_total"),
    }
});

#[derive(Default)]
pub struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    keys_added: AtomicU64,
    keys_evicted: AtomicU64,
    cost_added: AtomicU64,
    cost_evicted: AtomicU64,
}

impl Counters {
    pub fn read(&self, hits: usize, misses: usize) {
        add(&self.hits, &EXPORTED.hits, hits as u64);
        add(&self.misses, &EXPORTED.misses, misses as u64);
    }

    pub fn added(&self, cost: u32) {
        add(&self.keys_added, &EXPORTED.added, 1);
        self.grew(cost);
    }

    pub fn grew(&self, cost: u32) {
        add(&self.cost_added, &EXPORTED.cost_added, cost.into());
    }

    pub fn evicted(&self, cost: u32) {
        add(&self.keys_evicted, &EXPORTED.evicted, 1);
        add(&self.cost_evicted, &EXPORTED.cost_evicted, cost.into());
    }

    pub fn counted(&self) -> Counted {
        Counted {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            keys_added: self.keys_added.load(Relaxed),
            keys_evicted: self.keys_evicted.load(Relaxed),
            cost_added: self.cost_added.load(Relaxed),
            cost_evicted: self.cost_evicted.load(Relaxed),
        }
    }
}

fn add(own: &AtomicU64, exported: &Counter, n: u64) {
    own.fetch_add(n, Relaxed);
    exported.increment(n);
}
