//! How long a stream keeps what is in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// As the server said last, in nanoseconds: whoever made the stream decided it, or an operator
/// later. Zero while it is not known, and where the stream keeps everything.
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
