//! A map of values that several streams share.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that drops unused entries.
///
/// An entry is in use while a stream that got its value is open. Unused entries are dropped each
/// time the map has grown to twice the entries that were in use at the last sweep, and to
/// at least 64.
pub(super) struct SharedMap<K, T>(Mutex<Inner<K, T>>);

struct Inner<K, T> {
    map: HashMap<K, T>,
    sweep_at: usize,
}

const LEAST: usize = 64;

impl<K, T> Default for SharedMap<K, T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { map: HashMap::new(), sweep_at: LEAST }))
    }
}

impl<K: Clone + Eq + Hash, T: Clone> SharedMap<K, T> {
    /// The value of this key, made if it is missing. Values for which `is_unused` holds
    /// may be dropped.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> T, is_unused: impl Fn(&T) -> bool) -> T {
        let mut inner = self.0.lock();
        if let Some(found) = inner.map.get(key) {
            return found.clone();
        }
        if inner.map.len() >= inner.sweep_at {
            inner.map.retain(|_, shared| !is_unused(shared));
            inner.sweep_at = LEAST.max(2 * inner.map.len());
        }
        let shared = make();
        inner.map.insert(key.clone(), shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::Topic;
    use std::sync::Arc;

    #[test]
    fn unused_entries_are_dropped_and_used_ones_kept() {
        let map = SharedMap::<_, Arc<usize>>::default();
        let key = |i: usize| Some(Topic::new(i.to_string()).unwrap());
        let get = |i: usize| map.get(&key(i), || Arc::new(i), |shared| Arc::strong_count(shared) == 1);
        let kept = get(0);
        for i in 1..1_000 {
            get(i);
        }
        assert!(Arc::ptr_eq(&kept, &get(0)));
        assert!(map.0.lock().map.len() <= LEAST);
    }
}
