//! Slots by hash, in one flat array: a lookup touches one line of memory where a table with control bytes touches two.
//! With a million sessions, that is a quarter of what a beat costs.
//!
//! The roster finds its sessions by it, and a store that holds sessions in memory may do the same: it keeps the sessions
//! in numbered slots, and their (seeded) hashes here.

/// The fewest words of an index that holds anything.
const LEAST: usize = 16;

/// Which slots have which hash. Several slots may have the same.
///
/// Open addressing, linear probing, at most three quarters full.
#[derive(Debug, Default)]
pub struct Index {
    /// The hash above, the slot plus one below; zero for a vacant word. None, or a power of two.
    words: Vec<u64>,
    len: usize,
}

fn word(hash: u32, slot: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(slot) + 1)
}

fn hash_of(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is the slot plus one")]
fn slot_of(word: u64) -> u32 {
    (word as u32).wrapping_sub(1)
}

impl Index {
    /// An index for about `len` slots.
    pub fn with_capacity(len: usize) -> Self {
        let words = if len == 0 { 0 } else { (len * 4 / 3 + 1).next_power_of_two().max(LEAST) };
        Self { words: vec![0; words], len: 0 }
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.words.len() - 1)
    }

    /// The first slot of this hash that is the right one.
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
            if hash_of(word) == hash && is_it(slot_of(word)) {
                return Some(slot_of(word));
            }
            at = (at + 1) & mask;
        }
    }

    /// How many slots it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slots of this hash, in no order.
    pub fn slots(&self, hash: u32) -> impl Iterator<Item = u32> {
        let start = if self.words.is_empty() { 0 } else { self.home(hash) };
        let around = self.words[start..].iter().chain(&self.words[..start]);
        let run = around.copied().take_while(|&word| word != 0);
        run.filter(move |&word| hash_of(word) == hash).map(slot_of)
    }

    /// Everything, in no order.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.words.iter().filter(|&&word| word != 0).map(|&word| (hash_of(word), slot_of(word)))
    }

    /// Adds a slot that is not in it.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        if (self.len + 1) * 4 > self.words.len() * 3 {
            self.resize((self.len + 1) * 3 / 2);
        }
        self.place(word(hash, slot));
    }

    fn resize(&mut self, len: usize) {
        let mut other = Self::with_capacity(len);
        for &word in self.words.iter().filter(|&&word| word != 0) {
            other.place(word);
        }
        *self = other;
    }

    fn place(&mut self, word: u64) {
        let mut at = self.home(hash_of(word));
        while self.words[at] != 0 {
            at = (at + 1) & (self.words.len() - 1);
        }
        self.words[at] = word;
        self.len += 1;
    }

    /// Takes a slot out; answers whether it was there.
    pub fn remove(&mut self, hash: u32, slot: u32) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let mask = self.words.len() - 1;
        let mut at = self.home(hash);
        while self.words[at] != word(hash, slot) {
            if self.words[at] == 0 {
                return false;
            }
            at = (at + 1) & mask;
        }
        self.len -= 1;
        // Whatever could not have its home because of this word moves up, so that every run stays without holes.
        let mut next = at;
        loop {
            next = (next + 1) & mask;
            let moved = self.words[next];
            if moved == 0 {
                break;
            }
            let from_home = next.wrapping_sub(self.home(hash_of(moved))) & mask;
            if from_home >= next.wrapping_sub(at) & mask {
                self.words[at] = moved;
                at = next;
            }
        }
        self.words[at] = 0;
        // An array that has become far too large is worth a move.
        if self.words.len() > 1_024 && self.len < self.words.len() / 8 {
            self.resize(self.len * 2);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn holds_what_a_set_of_pairs_holds(steps in prop::collection::vec((0..12u32, 0..40u32, any::<bool>()), 0..400)) {
            let (mut index, mut set) = (Index::default(), BTreeSet::new());
            for (hash, slot, adds) in steps {
                // Neighbours at the end of the array wrap around to its start.
                let hash = hash.wrapping_sub(6);
                match adds {
                    true if set.insert((hash, slot)) => index.insert(hash, slot),
                    true => {}
                    false => {
                        set.remove(&(hash, slot));
                        index.remove(hash, slot);
                    }
                }
                prop_assert_eq!(index.len(), set.len());
                let listed: BTreeSet<_> = index.slots(hash).collect();
                let mut of_hash = BTreeSet::new();
                prop_assert_eq!(index.find(hash, |slot| !of_hash.insert(slot)), None);
                let expected: BTreeSet<_> = set.iter().filter(|pair| pair.0 == hash).map(|pair| pair.1).collect();
                prop_assert_eq!(&of_hash, &expected);
                prop_assert_eq!(listed, expected);
                prop_assert_eq!(index.pairs().collect::<BTreeSet<_>>(), set.clone());
            }
        }
    }
}
