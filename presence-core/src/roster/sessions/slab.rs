//! Sessions in chunks: one number each, no copying when it grows, nothing lost to spare capacity.

use crate::roster::sessions::slot::Slot;
use std::collections::BTreeSet;

/// Entries of a chunk: few enough that what the last one has to spare does not matter.
const CHUNK: usize = 128;

/// Aligned to a pair of cache lines, the unit in which the processor fetches from far away: a beat
/// touches one pair.
#[repr(align(128))]
struct Entry(State);

enum State {
    Vacant { next: u32 },
    Taken(Slot),
}

/// The end of a list of entries.
pub(crate) const NONE: u32 = u32::MAX;

/// Sessions by number. A chunk that becomes empty gives its memory back, wherever it is; the one
/// with the lowest numbers that has room is filled first, so that chunks do become empty after a
/// flood.
#[derive(Default)]
pub(crate) struct Slab {
    chunks: Vec<Chunk>,
    /// The chunks that have room, by number.
    open: BTreeSet<u32>,
}

struct Chunk {
    entries: Vec<Entry>,
    taken: usize,
    /// The first vacant entry, or `NONE`.
    vacant: u32,
}

impl Entry {
    fn get(&self) -> Option<&Slot> {
        match &self.0 {
            State::Taken(slot) => Some(slot),
            State::Vacant { .. } => None,
        }
    }

    fn get_mut(&mut self) -> Option<&mut Slot> {
        match &mut self.0 {
            State::Taken(slot) => Some(slot),
            State::Vacant { .. } => None,
        }
    }
}

impl Chunk {
    const EMPTY: Self = Self { entries: Vec::new(), taken: 0, vacant: NONE };

    /// Enters a session where there is room; answers its place.
    fn insert(&mut self, slot: Slot) -> usize {
        self.taken += 1;
        let entry = Entry(State::Taken(slot));
        let at = self.vacant as usize;
        if let Some(place) = self.entries.get_mut(at) {
            if let State::Vacant { next } = place.0 {
                self.vacant = next;
            }
            *place = entry;
            return at;
        }
        self.entries.push(entry);
        self.entries.len() - 1
    }

    fn is_full(&self) -> bool {
        self.taken == CHUNK
    }
}

/// The chunk of a number, and the place in it.
fn place(at: u32) -> (usize, usize) {
    (at as usize / CHUNK, at as usize % CHUNK)
}

impl Slab {
    /// One past the greatest number in use so far.
    pub fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, |last| last.entries.len())).unwrap_or(NONE)
    }

    pub fn get(&self, at: u32) -> Option<&Slot> {
        let (chunk, place) = place(at);
        self.chunks.get(chunk)?.entries.get(place)?.get()
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        let (chunk, place) = place(at);
        self.chunks.get_mut(chunk)?.entries.get_mut(place)?.get_mut()
    }

    #[expect(clippy::cast_possible_truncation, reason = "memory ends long before four billion sessions")]
    pub fn insert(&mut self, slot: Slot) -> u32 {
        let number = self.open.first().map_or(self.chunks.len(), |&number| number as usize);
        if number == self.chunks.len() {
            self.chunks.push(Chunk::EMPTY);
            self.open.insert(number as u32);
        }
        let chunk = &mut self.chunks[number];
        if number > 0 && chunk.entries.is_empty() {
            // The first one grows by doubling, so that a shard of a few sessions stays small.
            chunk.entries.reserve_exact(CHUNK);
        }
        let place = chunk.insert(slot);
        if chunk.is_full() {
            self.open.remove(&(number as u32));
        }
        (number * CHUNK + place) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "memory ends long before four billion sessions")]
    pub fn remove(&mut self, at: u32) -> Option<Slot> {
        let (number, place) = place(at);
        let chunk = self.chunks.get_mut(number)?;
        let entry = chunk.entries.get_mut(place)?;
        entry.get()?;
        let vacant = State::Vacant { next: chunk.vacant };
        let State::Taken(slot) = std::mem::replace(&mut entry.0, vacant) else { return None };
        chunk.vacant = place as u32;
        chunk.taken -= 1;
        self.open.insert(number as u32);
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
        Some(slot)
    }

    /// How many entries it has memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.capacity()).sum()
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Slot;
    /// For numbers that come from an index of this very shard.
    fn index(&self, at: u32) -> &Slot {
        let (chunk, place) = place(at);
        match &self.chunks[chunk].entries[place].0 {
            State::Taken(slot) => slot,
            State::Vacant { .. } => unreachable!("an index of the shard names a vacant entry"),
        }
    }
}

impl std::ops::IndexMut<u32> for Slab {
    fn index_mut(&mut self, at: u32) -> &mut Slot {
        let (chunk, place) = place(at);
        match &mut self.chunks[chunk].entries[place].0 {
            State::Taken(slot) => slot,
            State::Vacant { .. } => unreachable!("an index of the shard names a vacant entry"),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_entry_is_a_pair_of_cache_lines() {
        assert_eq!(size_of::<super::Entry>(), 128);
    }
}
