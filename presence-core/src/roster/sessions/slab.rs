//! Storage of sessions in chunks: each has a fixed number, growing copies nothing, and spare
//! capacity is small.

use crate::roster::sessions::slot::Slot;
use std::collections::BTreeSet;

/// Entries per chunk; small, so that the spare capacity of the last chunk does not matter.
const CHUNK: usize = 128;

/// Aligned to a pair of cache lines, the unit that the processor fetches, so that a heartbeat
/// touches one such unit.
#[repr(align(128))]
struct Entry(State);

enum State {
    Vacant { next: u32 },
    Taken(Slot),
}

/// End of a list of entries.
pub(crate) const NONE: u32 = u32::MAX;

/// Sessions by number. A chunk that becomes empty frees its memory, wherever it is. New sessions go
/// to the chunk with the lowest numbers that has room, so that chunks become empty after a peak.
#[derive(Default)]
pub(crate) struct Slab {
    chunks: Vec<Chunk>,
    /// Numbers of the chunks that have room.
    open: BTreeSet<u32>,
}

struct Chunk {
    entries: Vec<Entry>,
    taken: usize,
    /// First vacant entry of the chunk, or `NONE`.
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

    /// Stores a session in a vacant entry or a new one; returns its position in the chunk.
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

/// The chunk that a number belongs to, and the position in it.
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
            // The first chunk grows by doubling, so that a shard with few sessions stays small.
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

    /// Number of entries that memory is allocated for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.capacity()).sum()
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Slot;
    /// Panics on a vacant number: callers pass only numbers from the shard's own index.
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
    fn an_entry_fills_two_cache_lines() {
        assert_eq!(size_of::<super::Entry>(), 128);
    }
}
