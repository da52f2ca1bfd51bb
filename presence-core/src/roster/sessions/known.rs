//! Whether the store has a session or record, as far as this process knows.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Whether the store has a session or record, as far as this process knows, in one byte: never, as
/// delivered by a watch of this number or confirmed while it ran, or missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Known(u8);

impl Known {
    /// The store has never confirmed it.
    pub const NEVER: Self = Self(0);
    /// The store had it, and lacked it later; no process has confirmed it since. The shard holds
    /// since when.
    pub const MISSING: Self = Self(u8::MAX);

    /// Whether the store has it, or had it.
    pub fn was_stored(self) -> bool {
        self != Self::NEVER
    }

    pub fn is_missing(self) -> bool {
        self == Self::MISSING
    }

    /// Whether the store has it.
    pub fn is_stored(self) -> bool {
        self.was_stored() && !self.is_missing()
    }
}

/// The number of the current watch of the store, from 1 to 254 and then from 1 again.
pub(crate) struct WatchNumber {
    number: AtomicU8,
    /// Whether the current watch delivered anything. Only such a watch advances the number; failed
    /// attempts cannot make it come around.
    has_delivered: AtomicBool,
}

impl Default for WatchNumber {
    fn default() -> Self {
        Self { number: AtomicU8::new(1), has_delivered: AtomicBool::new(false) }
    }
}

impl WatchNumber {
    /// Starts a new watch.
    pub fn begin(&self) {
        if self.has_delivered.swap(false, Ordering::AcqRel) {
            let next = |number: u8| Some(number % (u8::MAX - 1) + 1);
            let _ = self.number.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        }
    }

    /// What is known of something that the current watch delivered, or that the store confirmed
    /// while it runs.
    pub fn current(&self) -> Known {
        Known(self.number.load(Ordering::Acquire))
    }

    /// The same, and notes that the watch has delivered something.
    pub fn delivers(&self) -> Known {
        if !self.has_delivered.load(Ordering::Acquire) {
            self.has_delivered.store(true, Ordering::Release);
        }
        self.current()
    }

    /// What is known of something that the store has, and that the snapshot of the current watch
    /// may still turn out to lack.
    pub fn earlier(&self) -> Known {
        match self.current() {
            Known(1) => Known(u8::MAX - 1),
            Known(number) => Known(number - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, WatchNumber};

    #[test]
    fn a_watch_differs_from_the_one_before_and_from_no_watch_however_many_there_were() {
        let watch = WatchNumber::default();
        for _ in 0..1_000 {
            let before = watch.delivers();
            watch.begin();
            assert_ne!(watch.current(), before);
            assert_eq!(watch.earlier(), before);
            assert!(watch.current().is_stored() && watch.earlier().is_stored());
            // An attempt that delivers nothing has no number of its own.
            watch.begin();
            assert_eq!(watch.earlier(), before);
        }
        assert!(!Known::NEVER.is_stored() && !Known::NEVER.was_stored());
        assert!(!Known::MISSING.is_stored() && Known::MISSING.was_stored());
    }
}
