//! Streams of what changes.
use crate::roster::{Counts, Diff, Snapshot};
use std::sync::Arc;

/// What a subscription yields.
#[derive(Debug, Clone)]
pub enum Update {
    /// The whole state: first, and again when the reader was too slow for diffs.
    Snapshot(Arc<Snapshot>),
    /// What changed since the update before.
    Diff(Arc<Diff>),
}

/// A snapshot, then diffs.
pub struct Subscription {
    pub(super) _inner: (),
}

impl Subscription {
    /// The next update; `None` once the `Presence` has shut down. Cancel-safe.
    pub async fn next(&mut self) -> Option<Update> {
        todo!()
    }
}

/// The counts of a scope, the newest only.
pub struct CountsWatch {
    pub(super) _inner: (),
}

impl CountsWatch {
    /// The counts now, without waiting.
    pub fn get(&self) -> Counts {
        todo!()
    }
    /// The next counts that differ from the last ones yielded; the first at once. Cancel-safe.
    pub async fn next(&mut self) -> Option<Counts> {
        todo!()
    }
}
