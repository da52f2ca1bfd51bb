//! Storage of values in chunks: each has a fixed number, growing copies nothing, and spare
//! capacity is small.
//!
//! The roster keeps its sessions in it. A memory store may do the same, and finds them by an
//! [`Index`](crate::index::Index) of their numbers.

use std::collections::BTreeSet;

/// Entries per chunk; small, so that the spare capacity of the last chunk does not matter.
const CHUNK: usize = 128;

/// A place for a value. It takes no more room than the value if that has spare bit patterns.
#[derive(Debug)]
enum Entry<T> {
    Vacant { next: u32 },
    Taken(T),
}

/// End of a list of entries.
pub const NONE: u32 = u32::MAX;

/// Values by number. A chunk that becomes empty frees its memory, wherever it is. New values go to
/// the chunk with the lowest numbers that has room, so that chunks become empty after a peak.
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Numbers of the chunks that have room.
    open: BTreeSet<u32>,
}

#[derive(Debug)]
struct Chunk<T> {
    entries: Vec<Entry<T>>,
    taken: usize,
    /// First vacant entry of the chunk, or `NONE`.
    vacant: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), open: BTreeSet::new() }
    }
}

impl<T> Entry<T> {
    fn get(&self) -> Option<&T> {
        match self {
            Self::Taken(value) => Some(value),
            Self::Vacant { .. } => None,
        }
    }

    fn get_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Taken(value) => Some(value),
            Self::Vacant { .. } => None,
        }
    }
}

impl<T> Chunk<T> {
    const EMPTY: Self = Self { entries: Vec::new(), taken: 0, vacant: NONE };

    /// Stores a value in a vacant entry or a new one; returns its position in the chunk.
    fn insert(&mut self, value: T) -> usize {
        self.taken += 1;
        let at = self.vacant as usize;
        if let Some(place) = self.entries.get_mut(at) {
            if let Entry::Vacant { next } = *place {
                self.vacant = next;
            }
            *place = Entry::Taken(value);
            return at;
        }
        self.entries.push(Entry::Taken(value));
        self.entries.len() - 1
    }

    fn is_full(&self) -> bool {
        self.taken == CHUNK
    }
}

/// The chunk that a number belongs to, and the position in it.
fn place(at: u32) -> (usize, usize) {
    (at as usize / CHUNK, at as usize % CHUNK)
}

impl<T> Slab<T> {
    /// One past the greatest number in use so far.
    pub fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, |last| last.entries.len())).unwrap_or(NONE)
    }

    /// The value with this number, if there is one.
    pub fn get(&self, at: u32) -> Option<&T> {
        let (chunk, place) = place(at);
        self.chunks.get(chunk)?.entries.get(place)?.get()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let (chunk, place) = place(at);
        self.chunks.get_mut(chunk)?.entries.get_mut(place)?.get_mut()
    }

    /// Replaces a value by what `change` makes of it.
    pub fn replace_with(&mut self, at: u32, change: impl FnOnce(T) -> T) {
        let (chunk, place) = place(at);
        let Some(entry) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.entries.get_mut(place)) else {
            return;
        };
        if matches!(entry, Entry::Taken(_))
            && let Entry::Taken(value) = std::mem::replace(entry, Entry::Vacant { next: NONE })
        {
            *entry = Entry::Taken(change(value));
        }
    }

    /// Adds a value; returns its number.
    #[expect(clippy::cast_possible_truncation, reason = "memory ends long before four billion sessions")]
    pub fn insert(&mut self, value: T) -> u32 {
        let number = self.open.first().map_or(self.chunks.len(), |&number| number as usize);
        if number == self.chunks.len() {
            self.chunks.push(Chunk::EMPTY);
            self.open.insert(number as u32);
        }
        let chunk = &mut self.chunks[number];
        if number > 0 && chunk.entries.is_empty() {
            // The first chunk grows by doubling, so that a slab with few values stays small.
            chunk.entries.reserve_exact(CHUNK);
        }
        let place = chunk.insert(value);
        if chunk.is_full() {
            self.open.remove(&(number as u32));
        }
        (number * CHUNK + place) as u32
    }

    /// Removes a value, and frees its number.
    #[expect(clippy::cast_possible_truncation, reason = "memory ends long before four billion sessions")]
    pub fn remove(&mut self, at: u32) -> Option<T> {
        let (number, place) = place(at);
        let chunk = self.chunks.get_mut(number)?;
        let entry = chunk.entries.get_mut(place)?;
        entry.get()?;
        let vacant = Entry::Vacant { next: chunk.vacant };
        let Entry::Taken(value) = std::mem::replace(entry, vacant) else { return None };
        chunk.vacant = place as u32;
        if chunk.is_full() {
            self.open.insert(number as u32);
        }
        chunk.taken -= 1;
        if chunk.taken == 0 {
            *chunk = Chunk::EMPTY;
            while self.chunks.last().is_some_and(|last| last.taken == 0) {
                self.chunks.pop();
                self.open.remove(&(self.chunks.len() as u32));
            }
            if self.chunks.capacity() > 64 && self.chunks.len() < self.chunks.capacity() / 4 {
                self.chunks.shrink_to(self.chunks.len() * 2);
            }
        }
        Some(value)
    }

    /// All values, in the order of their numbers.
    pub fn into_values(self) -> impl Iterator<Item = T> {
        let entries = self.chunks.into_iter().flat_map(|chunk| chunk.entries);
        entries.filter_map(|entry| match entry {
            Entry::Taken(value) => Some(value),
            Entry::Vacant { .. } => None,
        })
    }

    /// Bytes of an entry.
    #[cfg(test)]
    pub(crate) const ENTRY: usize = size_of::<Entry<T>>();

    /// Number of entries that memory is allocated for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.capacity()).sum()
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    /// Panics on a vacant number: callers pass only numbers from an index of their own.
    fn index(&self, at: u32) -> &T {
        let (chunk, place) = place(at);
        match &self.chunks[chunk].entries[place] {
            Entry::Taken(value) => value,
            Entry::Vacant { .. } => unreachable!("an index names a vacant entry"),
        }
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        let (chunk, place) = place(at);
        match &mut self.chunks[chunk].entries[place] {
            Entry::Taken(value) => value,
            Entry::Vacant { .. } => unreachable!("an index names a vacant entry"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NONE, Slab};

    #[test]
    fn a_value_is_replaced_by_what_is_made_of_it() {
        let mut slab = Slab::default();
        let (one, two) = (slab.insert(String::from("one")), slab.insert(String::from("two")));
        slab.replace_with(one, |text| text + "!");
        assert_eq!((slab[one].as_str(), slab[two].as_str()), ("one!", "two"));
        slab.remove(one);
        slab.replace_with(one, |_| unreachable!("there is no value"));
        slab.replace_with(NONE, |_| unreachable!("there is no value"));
        assert_eq!(slab.get(one), None);
        assert_eq!(slab.into_values().collect::<Vec<_>>(), ["two"]);
    }
}
