//! How much shows to anybody.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How much shows to anybody: changed by settling alone, like the counts of scopes.
#[derive(Default)]
pub(crate) struct Shown {
    pub sessions: AtomicUsize,
    pub topics: AtomicUsize,
    /// About how many bytes those sessions and topics take.
    pub bytes: AtomicUsize,
    /// About how many bytes all sessions take, whether or not they show.
    pub all_bytes: AtomicUsize,
}

impl Shown {
    /// Takes the step of some sessions, or topics.
    pub fn step(count: &AtomicUsize, before: usize, after: usize) {
        if before != after {
            // Wrapping: what was counted before is taken away.
            count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// The bytes of all sessions and topics, and of those that show.
    pub fn bytes(&self, topics: usize) -> (usize, usize) {
        (self.all_bytes.load(Ordering::Relaxed) + topics, self.bytes.load(Ordering::Relaxed))
    }
}
