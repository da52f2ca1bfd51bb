//! `Shown`: totals of visible sessions and topics.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Totals of visible sessions and topics. Like the counts of scopes, they change only when sessions
/// are reconciled.
#[derive(Default)]
pub(crate) struct Shown {
    pub sessions: AtomicUsize,
    pub topics: AtomicUsize,
    /// Estimated bytes of the visible sessions and topics.
    pub bytes: AtomicUsize,
    /// Estimated bytes of all sessions, visible or not.
    pub all_bytes: AtomicUsize,
}

impl Shown {
    /// Replaces one part of a total: `before` by `after`.
    pub fn step(count: &AtomicUsize, before: usize, after: usize) {
        if before != after {
            // Wraps if `after` is less.
            count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Estimated bytes of all sessions and topics, and of the visible ones.
    pub fn bytes(&self, topics: usize) -> (usize, usize) {
        (self.all_bytes.load(Ordering::Relaxed) + topics, self.bytes.load(Ordering::Relaxed))
    }
}
