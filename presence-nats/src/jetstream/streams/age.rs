//! The maximum age of a stream's messages, shared by all tasks of a handle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The maximum age that the server reported last, in nanoseconds. It was set by the process that
/// created the stream, or by an operator later. Zero while it is unknown, and if the stream keeps
/// messages for ever.
#[derive(Debug, Default)]
pub(super) struct Age(AtomicU64);

impl Age {
    pub(super) fn see(&self, nanos: u64) {
        self.0.store(nanos, Ordering::Relaxed);
    }

    pub(super) fn or(&self, asked: Duration) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            0 => asked,
            nanos => Duration::from_nanos(nanos),
        }
    }
}
