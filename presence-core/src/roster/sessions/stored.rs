//! `StoredState`: whether the store has a session or record, as far as this process knows.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Whether the store has a session or record, as far as this process knows. One byte: never stored,
/// missing, or the number of the last watch that delivered it or during which the
/// store confirmed it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct StoredState(u8);

impl StoredState {
    /// The store has never confirmed it.
    pub const NEVER: Self = Self(0);
    /// The store has lost it, and no process has confirmed it since. For sessions,
    /// [`Shard::missing`](super::shard::Shard::missing) holds since when.
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

/// The number of the current watch of the store. It goes from 1 to 254, and then starts again at 1.
pub(crate) struct WatchNumber {
    number: AtomicU8,
    /// Whether the current watch has delivered anything. Only such a watch uses up its number.
    /// Otherwise 254 failed attempts would lead back to the same number.
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

    /// The state of a session or record that the current watch delivered, or that the store
    /// confirmed during this watch.
    pub fn current(&self) -> StoredState {
        StoredState(self.number.load(Ordering::Acquire))
    }

    /// Like [`current`](Self::current), and records that the watch has delivered something.
    pub fn delivers(&self) -> StoredState {
        if !self.has_delivered.load(Ordering::Acquire) {
            self.has_delivered.store(true, Ordering::Release);
        }
        self.current()
    }

    /// The state of a session that an earlier watch delivered. The snapshot of the current watch
    /// may not contain it.
    pub fn earlier(&self) -> StoredState {
        match self.current() {
            StoredState(1) => StoredState(u8::MAX - 1),
            StoredState(number) => StoredState(number - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StoredState, WatchNumber};

    #[test]
    fn consecutive_watch_generations_differ_from_each_other_and_from_none() {
        let watch = WatchNumber::default();
        for _ in 0..1_000 {
            let before = watch.delivers();
            watch.begin();
            assert_ne!(watch.current(), before);
            assert_eq!(watch.earlier(), before);
            assert!(watch.current().is_stored() && watch.earlier().is_stored());
            // A watch that delivers nothing does not use up a number.
            watch.begin();
            assert_eq!(watch.earlier(), before);
        }
        assert!(!StoredState::NEVER.is_stored() && !StoredState::NEVER.was_stored());
        assert!(!StoredState::MISSING.is_stored() && StoredState::MISSING.was_stored());
    }
}
