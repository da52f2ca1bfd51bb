//! A bounded map that keeps what was used last.

use std::collections::HashMap;
use std::hash::Hash;

/// A map with a maximum weight.
///
/// It has two halves, and when the young one is full, it replaces the old one. An entry that is
/// used again before that is kept.
pub(crate) struct Recent<K, V> {
    /// The maximum weight of each half.
    half: usize,
    /// The weight of `young`.
    weight: usize,
    /// The entries used since the halves were last swapped, with their weights.
    young: Half<K, V>,
    old: Half<K, V>,
}

type Half<K, V> = HashMap<K, (V, usize), foldhash::fast::RandomState>;

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { half: most / 2, weight: 0, young: HashMap::default(), old: HashMap::default() }
    }

    /// The value of a key, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some((found, _)) = self.young.get(key) {
            return Some(found.clone());
        }
        let (key, (found, weight)) = self.old.remove_entry(key)?;
        self.insert(key, found.clone(), weight);
        Some(found)
    }

    /// Adds or replaces a value. One that is heavier than a half is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.old.remove(&key);
        if let Some((_, weight)) = self.young.remove(&key) {
            self.weight -= weight;
        }
        if weight > self.half {
            return;
        }
        if self.weight + weight > self.half {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, (value, weight));
    }

    /// The weight of all entries.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> usize {
        self.young.values().chain(self.old.values()).map(|(_, weight)| weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_bounded_and_keeps_the_used_entries() {
        let mut recent = Recent::new(100);
        recent.insert(0, 0, 10);
        for n in 1..1_000 {
            recent.insert(n, n, 1 + n % 20);
            assert_eq!(recent.get(&0), Some(0), "{n}");
            assert!(recent.weight() <= 100 && recent.weight <= 50, "{n}");
        }
        assert_eq!(recent.get(&1), None);
    }

    #[test]
    fn a_replaced_value_counts_once() {
        let mut recent = Recent::new(100);
        for n in 0..100 {
            recent.insert("replaced", n, 30);
            recent.insert("other", n, 20);
            assert_eq!((recent.get(&"replaced"), recent.get(&"other")), (Some(n), Some(n)));
            assert_eq!(recent.weight(), 50);
        }
    }

    #[test]
    fn a_value_that_is_too_heavy_is_not_kept() {
        let mut recent = Recent::new(100);
        recent.insert("it", 1, 50);
        recent.insert("it", 2, 51);
        assert_eq!((recent.get(&"it"), recent.weight()), (None, 0));
    }
}
