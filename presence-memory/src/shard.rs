//! A shard: one part of the store, with sessions in numbered slots, and an index that finds
//! them by user.

use crate::queue::Queue;
use crate::records::Records;
use crate::slot::{self, Slot};
use presence_core::index::Index;
use presence_core::slab::Slab;
use presence_core::store::Session;
use presence_core::{SessionId, Timestamp, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shards with fewer slots are not compacted.
const WORTH_COMPACTING: u32 = 128;

/// One part of the store, with the watches of its changes.
///
/// The index hashes the user only, so that all sessions of a user (at most 256, limited by the
/// core) are found with one lookup.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    index: Index,
    slots: Slab<Slot>,
    /// Incremented whenever sessions move to other slots.
    layout: u64,
    /// Records of users, which are kept after their sessions are forgotten.
    pub(crate) records: Records,
    /// Queues of watches, notified under the shard's lock and therefore in order.
    pub(crate) listeners: Vec<Arc<Queue>>,
}

/// The bytes of all sessions of a store, and their limit.
#[derive(Debug)]
pub(crate) struct Budget {
    taken: AtomicUsize,
    pub(crate) most: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { taken: AtomicUsize::new(0), most: AtomicUsize::new(usize::MAX) }
    }
}

impl Budget {
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn has_room(&self, more: usize) -> bool {
        self.taken().saturating_add(more) <= self.most.load(Ordering::Relaxed)
    }

    /// Replaces the size of a session in the total.
    fn change(&self, before: usize, now: usize) {
        // Wraps when the session shrinks.
        self.taken.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }
}

/// The position of a scan.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    slot: u32,
    layout: u64,
}

impl Shard {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn find(&self, hash: u32, user: &UserId, id: &SessionId) -> Option<u32> {
        let is_it = |slot| self.slots.get(slot).is_some_and(|known| known.id == *id && known.user == *user);
        self.index.find(hash, is_it)
    }

    pub(crate) fn get(&self, hash: u32, user: &UserId, id: &SessionId) -> Option<&Slot> {
        self.slots.get(self.find(hash, user, id)?)
    }

    /// Merges a session into the stored one, or adds it, unless it grows and there is no room;
    /// returns whether it was accepted. A leave is always accepted.
    pub(crate) fn put(&mut self, hash: u32, session: &Session, budget: &Budget) -> bool {
        let Session { user, id, placement, declared, .. } = session;
        let wanted = slot::bytes(user, id, placement, declared.as_ref());
        let found = self.find(hash, user, id);
        let known = found.and_then(|slot| self.slots.get(slot)).map_or(0, Slot::bytes);
        if placement.left.is_none() && wanted > known && !budget.has_room(wanted - known) {
            return false;
        }
        let Some(slot) = found else {
            budget.change(0, wanted);
            self.insert(Slot::of(hash, session.clone()));
            return true;
        };
        self.slots.replace_with(slot, |known| {
            let mut known = Session::from(known);
            known.merge(session);
            Slot::of(hash, known)
        });
        budget.change(known, self.slots[slot].bytes());
        true
    }

    /// Moves the times of a session forward; returns whether it has not left, or `None` if it does
    /// not exist.
    pub(crate) fn touch(
        &mut self,
        hash: u32,
        (user, id): (&UserId, &SessionId),
        (seen_at, active_at): (Timestamp, Timestamp),
    ) -> Option<bool> {
        let slot = self.find(hash, user, id)?;
        let known = self.slots.get_mut(slot)?;
        known.seen_at = known.seen_at.max(seen_at);
        known.active_at = known.active_at.max(active_at);
        Some(!known.has_left)
    }

    /// The sessions of a user, in no order.
    pub(crate) fn of<'a>(&'a self, hash: u32, user: &'a UserId) -> impl Iterator<Item = Session> {
        let known = self.index.slots(hash).filter_map(|slot| self.slots.get(slot));
        known.filter(move |known| known.user == *user).map(Slot::session)
    }

    /// Adds a session that does not exist yet.
    fn insert(&mut self, session: Slot) {
        let hash = session.hash;
        let slot = self.slots.insert(session);
        self.index.insert(hash, slot, |other| self.slots[other].hash);
    }

    pub(crate) fn remove(&mut self, hash: u32, user: &UserId, id: &SessionId, budget: &Budget) {
        let Some(slot) = self.find(hash, user, id) else { return };
        self.index.remove(hash, slot, |other| self.slots[other].hash);
        budget.change(self.slots.remove(slot).map_or(0, |removed| removed.bytes()), 0);
        let slots = self.slots.end();
        let is_worth_it = slots >= WORTH_COMPACTING && self.len() < slots as usize / 4;
        if is_worth_it || self.len() == 0 {
            self.compact();
        }
    }

    /// Frees the memory of removed sessions.
    fn compact(&mut self) {
        self.index = if self.len() == 0 { Index::default() } else { Index::with_capacity(self.len()) };
        let old = std::mem::take(&mut self.slots);
        self.layout += 1;
        old.into_values().for_each(|session| self.insert(session));
    }

    /// Copies sessions from the cursor on until `into` contains `full` of them; returns whether the
    /// end was reached.
    ///
    /// Changes during the scan are delivered by the queue. If sessions were moved to other slots,
    /// the scan starts again, since delivering a session twice is harmless.
    pub(crate) fn scan(&self, cursor: &mut Cursor, into: &mut Vec<Session>, full: usize) -> bool {
        if cursor.layout != self.layout {
            *cursor = Cursor { slot: 0, layout: self.layout };
        }
        let slots = self.slots.end();
        while cursor.slot < slots && into.len() < full {
            into.extend(self.slots.get(cursor.slot).map(Slot::session));
            cursor.slot += 1;
        }
        cursor.slot >= slots
    }

    /// Notifies all listeners, except the writer's own if the writer has exactly one watch.
    pub(crate) fn notify(&self, handle: u64, push: impl Fn(&Queue)) {
        notify(&self.listeners, handle, push);
    }
}

/// Notifies all listeners, except the writer's own if the writer has exactly one watch.
pub(crate) fn notify(listeners: &[Arc<Queue>], handle: u64, push: impl Fn(&Queue)) {
    match listeners {
        [] => {}
        [only] if only.handle == handle => {}
        all => {
            let own = all.iter().filter(|listener| listener.handle == handle).count();
            for listener in all.iter().filter(|listener| own != 1 || listener.handle != handle) {
                push(listener);
            }
        }
    }
}
