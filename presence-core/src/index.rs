//! A flat hash index of numbered slots. A lookup reads one cache line, whereas a table with control
//! bytes reads two. With a million sessions, that saves a quarter of the time of a heartbeat.
//!
//! The roster finds its sessions by it, and a memory store may do the same: the sessions are in
//! numbered slots, and their (seeded) hashes here.

/// Least number of words of an index that is not empty.
const LEAST: usize = 16;

/// Maps hashes to slot numbers. Several slots may have the same hash.
///
/// Open addressing with linear probing, at most three quarters full. A word has 32 bits, so that
/// most of the index of a million sessions fits into the processor's cache. A word does not contain
/// the whole hash, so the owner of the slots keeps their hashes: `hash_of` returns them when words
/// must move.
#[derive(Debug, Default)]
pub struct Index {
    /// Upper bits of the hash, and below them the slot number plus one; zero if vacant. The length
    /// is zero or a power of two.
    words: Vec<u32>,
    len: usize,
    /// Mask of the low bits of a word, which contain the slot number. It has at least as many bits
    /// as a position in `words` needs. The bits of the hash above them distinguish hashes with the
    /// same position.
    below: u32,
}

/// A mask of the low bits that `number` occupies.
fn bits_of(number: u32) -> u32 {
    u32::MAX.checked_shr(number.leading_zeros()).unwrap_or(0)
}

impl Index {
    /// An index for about `len` slots.
    pub fn with_capacity(len: usize) -> Self {
        let words = if len == 0 { 0 } else { (len * 4 / 3 + 1).next_power_of_two().max(LEAST) };
        let below = bits_of(u32::try_from(words.saturating_sub(1)).unwrap_or(u32::MAX));
        Self { words: vec![0; words], len: 0, below }
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.words.len() - 1)
    }

    fn word(&self, hash: u32, slot: u32) -> u32 {
        hash & !self.below | (slot + 1)
    }

    /// The slot of a word that is not vacant.
    fn slot(&self, word: u32) -> u32 {
        (word & self.below).wrapping_sub(1)
    }

    /// Whether a word may belong to this hash.
    fn is_like(&self, word: u32, hash: u32) -> bool {
        (word ^ hash) & !self.below == 0
    }

    /// The first slot for which `is_it` returns true, among those that may have this hash.
    #[inline]
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.words.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let word = *self.words.get(at)?;
            if word == 0 {
                // There is always a vacant word to stop at.
                return None;
            }
            if self.is_like(word, hash) && is_it(self.slot(word)) {
                return Some(self.slot(word));
            }
            at = (at + 1) & mask;
        }
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no slots.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All slots that have this hash, and rarely others, in no order.
    pub fn slots(&self, hash: u32) -> impl Iterator<Item = u32> {
        let start = if self.words.is_empty() { 0 } else { self.home(hash) };
        let around = self.words[start..].iter().chain(&self.words[..start]);
        let run = around.copied().take_while(|&word| word != 0);
        run.filter(move |&word| self.is_like(word, hash)).map(|word| self.slot(word))
    }

    /// All slots, in no order.
    pub fn all(&self) -> impl Iterator<Item = u32> {
        self.words.iter().filter(|&&word| word != 0).map(|&word| self.slot(word))
    }

    /// Adds a slot that is not in the index. `hash_of` returns the hash of any slot that is.
    ///
    /// # Panics
    /// If the slot is `u32::MAX`.
    pub fn insert(&mut self, hash: u32, slot: u32, hash_of: impl Fn(u32) -> u32) {
        assert!(slot != u32::MAX, "the slots are numbered from zero to less than that");
        let is_full = (self.len + 1) * 4 > self.words.len() * 3;
        if is_full || slot + 1 > self.below {
            let len = if is_full { (self.len + 1) * 3 / 2 } else { self.len + 1 };
            self.rebuild(len, slot + 1, hash_of);
        }
        self.place(hash, slot);
    }

    /// Rebuilds the index for `len` slots, with words that have room for slot
    /// numbers below `greatest`.
    fn rebuild(&mut self, len: usize, greatest: u32, hash_of: impl Fn(u32) -> u32) {
        let mut other = Self::with_capacity(len);
        other.below |= self.below | bits_of(greatest);
        self.all().for_each(|slot| other.place(hash_of(slot), slot));
        *self = other;
    }

    fn place(&mut self, hash: u32, slot: u32) {
        let mut at = self.home(hash);
        while self.words[at] != 0 {
            at = (at + 1) & (self.words.len() - 1);
        }
        self.words[at] = self.word(hash, slot);
        self.len += 1;
    }

    /// Removes a slot; returns whether it was in the index. `hash_of` returns the hash of any other
    /// slot in it.
    pub fn remove(&mut self, hash: u32, slot: u32, hash_of: impl Fn(u32) -> u32) -> bool {
        if self.words.is_empty() || slot >= self.below {
            return false;
        }
        let mask = self.words.len() - 1;
        let mut at = self.home(hash);
        while self.words[at] != self.word(hash, slot) {
            if self.words[at] == 0 {
                return false;
            }
            at = (at + 1) & mask;
        }
        self.len -= 1;
        // Words that were displaced by the removed one move up, so that no run has a gap.
        let mut next = at;
        loop {
            next = (next + 1) & mask;
            let moved = self.words[next];
            if moved == 0 {
                break;
            }
            let from_home = next.wrapping_sub(self.home(hash_of(self.slot(moved)))) & mask;
            if from_home >= next.wrapping_sub(at) & mask {
                self.words[at] = moved;
                at = next;
            }
        }
        self.words[at] = 0;
        // Shrinks an index that has become far too large.
        if self.words.len() > 1_024 && self.len < self.words.len() / 8 {
            self.rebuild(self.len * 2, 0, hash_of);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_index_behaves_like_a_map_from_slot_to_hash(
            steps in prop::collection::vec((0..12u32, 0..40u32, any::<bool>(), any::<bool>()), 0..400),
        ) {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            for (hash, slot, adds, far) in steps {
                // Hashes around zero, so that runs wrap around the end of the array.
                let hash = hash.wrapping_sub(6);
                // The greatest slot number leaves no bit for the hash.
                let slot = if far && slot == 7 { u32::MAX - 1 } else if far { slot << 20 } else { slot };
                let hash_of = |map: &BTreeMap<u32, u32>, slot| map.get(&slot).copied().unwrap();
                if adds && !map.contains_key(&slot) {
                    index.insert(hash, slot, |slot| hash_of(&map, slot));
                    map.insert(slot, hash);
                } else if !adds {
                    let known = map.get(&slot).copied();
                    if let Some(known) = known {
                        map.remove(&slot);
                        prop_assert!(index.remove(known, slot, |slot| hash_of(&map, slot)));
                    } else {
                        prop_assert!(!index.remove(hash, slot, |slot| hash_of(&map, slot)));
                    }
                }
                prop_assert_eq!(index.len(), map.len());
                let expected: Vec<_> = map.iter().filter(|pair| *pair.1 == hash).map(|pair| *pair.0).collect();
                let of_hash = |slot: &u32| map.get(slot) == Some(&hash);
                let mut listed: Vec<_> = index.slots(hash).filter(of_hash).collect();
                let mut visited = Vec::new();
                prop_assert_eq!(index.find(hash, |slot| { visited.push(slot); false }), None);
                visited.retain(of_hash);
                let mut all: Vec<_> = index.all().collect();
                [&mut listed, &mut visited, &mut all].into_iter().for_each(|slots| slots.sort_unstable());
                prop_assert_eq!(&listed, &expected);
                prop_assert_eq!(&visited, &expected);
                prop_assert_eq!(all, map.keys().copied().collect::<Vec<_>>());
            }
        }
    }
}
