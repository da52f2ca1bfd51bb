//! Random numbers for incarnations, jitter and ranks. They are practically unique, but not suitable
//! for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 64 random bits that no other call, thread or process is likely to draw.
pub fn u64() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    #[cfg(test)]
    if let Some(drawn) = seeded::draw() {
        return drawn;
    }
    // `RandomState` is seeded by the operating system; the counter distinguishes two draws of one
    // thread.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(DRAWN.fetch_add(1, Ordering::Relaxed));
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// A random fraction in `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
pub fn fraction() -> f64 {
    (u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The delay after this many consecutive failures: `first`, doubled for each failure, up to
/// `longest`. A random part of this, at least half, is used, so that processes do not retry at the
/// same time.
pub fn backoff(failures: u32, first: Duration, longest: Duration) -> Duration {
    let full = first.saturating_mul(1 << failures.min(16)).min(longest);
    full.mul_f64(0.5 + fraction() / 2.0)
}

/// Reproducible random numbers, so that a failing test can be repeated with its seed.
#[cfg(test)]
pub mod seeded {
    use crate::conformance::Rng;
    use std::cell::RefCell;

    thread_local! {
        static SEEDED: RefCell<Option<Rng>> = const { RefCell::new(None) };
    }

    /// Makes this thread draw the numbers of the sequence of `seed`.
    pub fn start(seed: u64) {
        SEEDED.set(Some(Rng::seeded(seed)));
    }

    /// Makes this thread draw at random again.
    pub fn stop() {
        SEEDED.set(None);
    }

    /// The next number of the sequence, if this thread has a seed.
    pub fn draw() -> Option<u64> {
        SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(Rng::next))
    }
}
