//! Sessions in chunks: one number each, no copying when it grows, nothing lost to spare capacity.

use super::slot::Slot;

/// Entries of a chunk: few enough that what the last one has to spare does not matter.
const CHUNK: usize = 128;

/// Aligned to a pair of cache lines, the unit in which the processor fetches from far away: a beat touches one pair.
#[repr(align(128))]
struct Entry(State);

enum State {
    Vacant { next: u32 },
    Taken(Slot),
}

/// The end of a list of entries.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Slab {
    chunks: Vec<Vec<Entry>>,
    /// The first vacant entry, or `NONE`.
    vacant: Option<u32>,
    taken: usize,
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

impl Slab {
    /// One past the greatest number in use so far.
    pub fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, Vec::len)).unwrap_or(NONE)
    }

    pub fn get(&self, at: u32) -> Option<&Slot> {
        self.chunks.get(at as usize / CHUNK)?.get(at as usize % CHUNK)?.get()
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)?.get_mut()
    }

    pub fn insert(&mut self, slot: Slot) -> u32 {
        self.taken += 1;
        let entry = Entry(State::Taken(slot));
        if let Some(at) = self.vacant
            && let Some(vacant) = self.chunks[at as usize / CHUNK].get_mut(at as usize % CHUNK)
        {
            if let State::Vacant { next } = vacant.0 {
                self.vacant = (next != NONE).then_some(next);
            }
            *vacant = entry;
            return at;
        }
        let at = self.end();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(entry),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.chunks.push(chunk);
            }
            // The first one grows by doubling, so that a shard of a few sessions stays small.
            None => self.chunks.push(vec![entry]),
        }
        at
    }

    pub fn remove(&mut self, at: u32) -> Option<Slot> {
        let entry = self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)?;
        entry.get()?;
        let vacant = State::Vacant { next: self.vacant.unwrap_or(NONE) };
        let State::Taken(slot) = std::mem::replace(&mut entry.0, vacant) else { return None };
        self.vacant = Some(at);
        self.taken -= 1;
        // An empty shard gives its memory back; one that is merely smaller will grow again.
        if self.taken == 0 {
            *self = Self::default();
        }
        Some(slot)
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Slot;
    /// For numbers that come from an index of this very shard.
    fn index(&self, at: u32) -> &Slot {
        match &self.chunks[at as usize / CHUNK][at as usize % CHUNK].0 {
            State::Taken(slot) => slot,
            State::Vacant { .. } => unreachable!("an index of the shard names a vacant entry"),
        }
    }
}

impl std::ops::IndexMut<u32> for Slab {
    fn index_mut(&mut self, at: u32) -> &mut Slot {
        match &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK].0 {
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
