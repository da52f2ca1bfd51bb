//! Random numbers for incarnations, jitter and ranks: unpredictable enough not to collide, never
//! for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// 64 bits that no other call, thread or process is likely to draw.
pub fn u64() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    #[cfg(test)]
    if let Some(drawn) = seeded::draw() {
        return drawn;
    }
    // `RandomState` is seeded by the operating system; the counter keeps two draws of one thread
    // apart.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(DRAWN.fetch_add(1, Ordering::Relaxed));
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// A fraction in `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
pub fn fraction() -> f64 {
    (u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Numbers that come again with their seed, so that a failing history is the same one when it is
/// run again.
#[cfg(test)]
pub mod seeded {
    use crate::conformance::Rng;
    use std::cell::RefCell;

    thread_local! {
        static SEEDED: RefCell<Option<Rng>> = const { RefCell::new(None) };
    }

    /// From now on, this thread draws what follows from `seed`.
    pub fn start(seed: u64) {
        SEEDED.set(Some(Rng::seeded(seed)));
    }

    /// From now on, this thread draws at random again.
    pub fn stop() {
        SEEDED.set(None);
    }

    /// The next number, if this thread draws from a seed.
    pub fn draw() -> Option<u64> {
        SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(Rng::next))
    }
}
