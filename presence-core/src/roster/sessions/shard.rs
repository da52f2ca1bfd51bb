//! `Shard`: the sessions of all users whose hash maps to it, under one lock.
//!
//! All sessions of a user are in one shard. So each join and leave of the user is derived exactly
//! once, under the shard's lock.

use crate::index::Index;
use crate::liveness::Vitals;
use crate::model::{SessionId, UserId};
use crate::roster::clock::due::Due;
use crate::roster::clock::wheel::{NOT_QUEUED, Wheel};
use crate::roster::readers::watch::Watch;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::sessions::stored::StoredState;
use crate::roster::sessions::user_indexes::{INDEX_FROM, UserIndexes};
use crate::roster::user_records::records::Records;
use crate::roster::work;
use crate::slab::{NONE, Slab};
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Shard {
    /// The number of the shard, by which it reports to `due` when its next check is due.
    number: usize,
    due: Arc<Due>,
    /// Maps each user to their first session.
    index: Index,
    pub slots: Slab<Slot>,
    /// Indexes of users with many sessions, keyed by the user's first session. That
    /// session has `flag::INDEXED`.
    pub user_indexes: HashMap<u32, Box<UserIndexes>, foldhash::fast::RandomState>,
    /// A user with at least this many sessions has indexes.
    pub index_from: usize,
    pub wheel: Wheel,
    /// For each session that is [`StoredState::MISSING`], since when.
    pub missing: HashMap<u32, Timestamp, foldhash::fast::RandomState>,
    /// Records of users, which are kept after their sessions are forgotten.
    pub records: Records,
    /// Watches of single users.
    pub watchers: HashMap<UserId, Vec<Arc<Watch>>, foldhash::fast::RandomState>,
    /// Sessions that this process has dropped and that the next sweep returns, to make the store
    /// forget them: erased sessions, and gone sessions of users who have too many.
    surplus: Vec<ForgetIf>,
}

/// The result of looking up a session.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub hash: u32,
    /// The first session of its user.
    pub head: Option<u32>,
    pub at: Option<u32>,
}

impl Shard {
    pub fn new(number: usize, due: Arc<Due>, started_at: Timestamp) -> Self {
        Self {
            number,
            due,
            index: Index::default(),
            slots: Slab::default(),
            user_indexes: HashMap::default(),
            index_from: INDEX_FROM,
            wheel: Wheel::new(started_at),
            missing: HashMap::default(),
            records: Records::default(),
            watchers: HashMap::default(),
            surplus: Vec::new(),
        }
    }

    /// The first session of a user.
    #[inline]
    pub fn head(&self, hash: u32, user: &UserId) -> Option<u32> {
        self.index.find(hash, |head| self.slots[head].user == *user)
    }

    /// The sessions of a user, starting with `head`.
    pub fn chain(&self, head: u32) -> impl Iterator<Item = u32> {
        let next = |&at: &u32| Some(self.slots[at].next).filter(|&next| next != NONE);
        std::iter::successors(Some(head), next).inspect(|_| work::step())
    }

    /// The indexes of a user's sessions, if the user has many.
    pub fn indexes(&self, head: u32) -> Option<&UserIndexes> {
        if self.slots[head].has(flag::INDEXED) {
            self.user_indexes.get(&head).map(AsRef::as_ref)
        } else {
            None
        }
    }

    /// Finds a session of the user whose first session is `head`.
    #[inline]
    pub fn find_from(&self, head: u32, id: &SessionId) -> Option<u32> {
        // Most users have one session.
        if self.slots[head].id == *id { Some(head) } else { self.find_after(head, id) }
    }

    /// The same, if the first session is not the one.
    fn find_after(&self, head: u32, id: &SessionId) -> Option<u32> {
        match self.indexes(head) {
            Some(indexes) => indexes.find(id),
            None => self.chain(head).skip(1).find(|&at| self.slots[at].id == *id),
        }
    }

    /// Looks up a session and its user.
    #[inline]
    pub fn look_up(&self, hash: u32, user: &UserId, id: &SessionId) -> Found {
        let head = self.head(hash, user);
        Found { hash, head, at: head.and_then(|head| self.find_from(head, id)) }
    }

    pub fn find(&self, hash: u32, user: &UserId, id: &SessionId) -> Option<u32> {
        self.find_from(self.head(hash, user)?, id)
    }

    /// The first session of the user that session `at` belongs to.
    pub fn head_of(&self, at: u32) -> u32 {
        let slot = &self.slots[at];
        if slot.has(flag::FIRST) { at } else { self.head(slot.hash, &slot.user).unwrap_or(at) }
    }

    /// Adds a session that is not here yet; returns its number.
    pub fn insert(&mut self, hash: u32, mut slot: Slot) -> u32 {
        slot.hash = hash;
        let Some(head) = self.head(hash, &slot.user) else {
            let at = self.slots.insert(slot);
            self.set_first(at);
            return at;
        };
        // Inserted after the first session, so that the index does not change.
        slot.next = self.slots[head].next;
        slot.flags |= self.slots[head].flags & flag::HIDDEN;
        let at = self.slots.insert(slot);
        self.slots[head].next = at;
        if let Some(indexes) = self.user_indexes.get_mut(&head) {
            indexes.link(at, head, &self.slots);
        } else if self.chain(head).count() >= self.index_from {
            self.build_indexes(head);
        }
        at
    }

    /// The live session of a user that was seen longest ago; `None` if the user has no indexes, and
    /// therefore few sessions.
    pub fn oldest_live(&mut self, head: u32) -> Option<u32> {
        let Self { user_indexes, slots, .. } = self;
        user_indexes.get_mut(&head)?.oldest_live(slots)
    }

    /// Builds the indexes of a user's sessions.
    fn build_indexes(&mut self, head: u32) {
        let (mut indexes, mut before) = (Box::<UserIndexes>::default(), head);
        for at in self.chain(head) {
            indexes.link(at, before, &self.slots);
            indexes.count(&self.slots[at]);
            before = at;
        }
        self.slots[head].set(flag::INDEXED, true);
        self.user_indexes.insert(head, indexes);
    }

    /// Makes `at` the first session of its user, to which the index refers.
    fn set_first(&mut self, at: u32) {
        let slot = &mut self.slots[at];
        slot.set(flag::FIRST, true);
        let hash = slot.hash;
        self.index.insert(hash, at, |other| self.slots[other].hash);
    }

    /// Removes a session, which must have been reconciled as gone.
    pub fn remove(&mut self, at: u32) -> Option<Slot> {
        let head = self.slots.get(at).map(|_| self.head_of(at))?;
        let before = match self.user_indexes.get_mut(&head) {
            Some(indexes) => indexes.unlink(at, &self.slots),
            None => self.chain(head).find(|&other| self.slots[other].next == at),
        };
        let next = self.slots[at].next;
        let mut first = head;
        if head == at {
            let hash = self.slots[at].hash;
            self.index.remove(hash, at, |other| self.slots[other].hash);
            if next != NONE {
                self.set_first(next);
                first = next;
            }
        } else if let Some(before) = before {
            self.slots[before].next = next;
        }
        if let Some(indexes) = self.user_indexes.remove(&head) {
            // The indexes are dropped at half the number of sessions at which they are built.
            // Otherwise a user whose number of sessions varies around the limit would rebuild them
            // each time.
            let keeps_indexes = indexes.len() > self.index_from / 2;
            self.slots[first].set(flag::INDEXED, keeps_indexes);
            if keeps_indexes {
                self.user_indexes.insert(first, indexes);
            }
        }
        self.missing.remove(&at);
        self.slots.remove(at)
    }

    /// Shrinks maps that are almost empty.
    pub fn tidy(&mut self) {
        fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V, foldhash::fast::RandomState>) {
            if map.capacity() > 64 && map.len() < map.capacity() / 8 {
                map.shrink_to(map.len() * 2);
            }
        }
        shrink(&mut self.user_indexes);
        shrink(&mut self.missing);
        shrink(&mut self.watchers);
        shrink(&mut self.records.seen);
        shrink(&mut self.records.marks);
    }

    /// Records that the store has a session; returns whether this changes the view by which its
    /// state is decided.
    pub fn note_stored(&mut self, at: u32, stored: StoredState) -> bool {
        let before = std::mem::replace(&mut self.slots[at].stored, stored);
        if before.is_missing() {
            self.missing.remove(&at);
        }
        !before.is_stored()
    }

    /// The facts that decide the state of a session.
    pub fn vitals(&self, at: u32) -> Vitals {
        let slot = &self.slots[at];
        slot.vitals(if slot.stored.is_missing() { self.missing.get(&at).copied() } else { None })
    }

    /// Schedules a check of a session in `after`, unless an earlier one is scheduled.
    pub fn check_in(&mut self, at: u32, now: Timestamp, after: Duration) {
        let queued = self.slots[at].queued;
        self.slots[at].queued = self.wheel.queue(at, queued, now, after);
        self.due.advance(self.number, self.wheel.next_at());
    }

    /// Queues a session that this process drops, so that the next sweep returns it and the store
    /// forgets it.
    pub fn surrender(&mut self, surplus: ForgetIf) {
        self.surplus.push(surplus);
        self.due.advance(self.number, Timestamp::ZERO);
    }

    /// The sessions that were queued by [`surrender`](Self::surrender) since the last call.
    pub fn take_surplus(&mut self) -> Vec<ForgetIf> {
        std::mem::take(&mut self.surplus)
    }

    /// Records when the next check is due. Called after a sweep.
    pub fn swept(&self) {
        self.due.postpone(self.number, self.wheel.next_at());
    }

    /// Appends the next due sessions to `into`, up to a length of `limit`.
    ///
    /// Sessions are collected before they are checked, so that the processor can load them from
    /// memory in parallel.
    pub fn next_checks(&mut self, limit: usize, into: &mut Vec<u32>) {
        while into.len() < limit
            && let Some((tick, at)) = self.wheel.next_due()
        {
            // Other items are obsolete: an earlier check replaced them, or the session was removed.
            if let Some(slot) = self.slots.get_mut(at)
                && slot.queued == tick
            {
                slot.queued = NOT_QUEUED;
                into.push(at);
            }
        }
    }
}
