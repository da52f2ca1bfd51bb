//! What the viewers of one thing share, found by what they look at.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets what nobody uses any more.
///
/// Everything in it belongs to an open stream or is left over from one. Left-overs go when the map
/// has doubled, so it holds at most twice what was in use, and 64.
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
    /// What belongs to this key, made if it is not there; `rests` says what may be forgotten.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> T, rests: impl Fn(&T) -> bool) -> T {
        let mut inner = self.0.lock();
        if let Some(found) = inner.map.get(key) {
            return found.clone();
        }
        if inner.map.len() >= inner.sweep_at {
            inner.map.retain(|_, shared| !rests(shared));
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
    fn what_nobody_uses_is_forgotten_and_what_somebody_uses_is_kept() {
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
