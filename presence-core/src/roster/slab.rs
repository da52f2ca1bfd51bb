//! Sessions in chunks: one number each, no copying when it grows, nothing lost to spare capacity.

use super::slot::Slot;

/// Entries of a chunk: small enough that a shard of a few sessions stays small.
const CHUNK: usize = 128;

enum Entry {
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

impl Slab {
    /// One past the greatest number in use so far.
    pub fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, Vec::len)).unwrap_or(NONE)
    }

    pub fn get(&self, at: u32) -> Option<&Slot> {
        match self.chunks.get(at as usize / CHUNK)?.get(at as usize % CHUNK)? {
            Entry::Taken(slot) => Some(slot),
            Entry::Vacant { .. } => None,
        }
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        match self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)? {
            Entry::Taken(slot) => Some(slot),
            Entry::Vacant { .. } => None,
        }
    }

    pub fn insert(&mut self, slot: Slot) -> u32 {
        self.taken += 1;
        if let Some(at) = self.vacant
            && let Some(entry) = self.chunks[at as usize / CHUNK].get_mut(at as usize % CHUNK)
        {
            if let Entry::Vacant { next } = *entry {
                self.vacant = (next != NONE).then_some(next);
            }
            *entry = Entry::Taken(slot);
            return at;
        }
        let at = self.end();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(Entry::Taken(slot)),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(Entry::Taken(slot));
                self.chunks.push(chunk);
            }
        }
        at
    }

    pub fn remove(&mut self, at: u32) -> Option<Slot> {
        let entry = self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)?;
        if matches!(entry, Entry::Vacant { .. }) {
            return None;
        }
        let vacant = Entry::Vacant { next: self.vacant.unwrap_or(NONE) };
        let Entry::Taken(slot) = std::mem::replace(entry, vacant) else { return None };
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
        match &self.chunks[at as usize / CHUNK][at as usize % CHUNK] {
            Entry::Taken(slot) => slot,
            Entry::Vacant { .. } => unreachable!("an index of the shard names a vacant entry"),
        }
    }
}

impl std::ops::IndexMut<u32> for Slab {
    fn index_mut(&mut self, at: u32) -> &mut Slot {
        match &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK] {
            Entry::Taken(slot) => slot,
            Entry::Vacant { .. } => unreachable!("an index of the shard names a vacant entry"),
        }
    }
}
