//! One lock's worth of sessions: all those of the users whose hash falls here.
//!
//! All sessions of a user are under one lock, so that whether the user joins or leaves is decided exactly once.

use super::records::Records;
use super::slab::{NONE, Slab};
use super::slot::{Slot, flag};
use super::watch::Watch;
use super::wheel::{NOT_QUEUED, Wheel};
use crate::index::Index;
use crate::model::{SessionId, UserId};
use crate::store::Seen;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Shard {
    /// Where each user's sessions start.
    index: Index,
    pub slots: Slab,
    pub wheel: Wheel,
    /// Since when a session waits to be confirmed; only for those that have the flag.
    pub unconfirmed: HashMap<u32, Timestamp, foldhash::fast::RandomState>,
    /// What users left behind beside their sessions.
    pub records: Records,
    /// Who watches single users.
    pub watchers: HashMap<UserId, Vec<Arc<Watch>>, foldhash::fast::RandomState>,
    /// Gone sessions of users who have too many; the next sweep has the store forget them.
    pub surplus: Vec<Seen>,
}

impl Shard {
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            index: Index::default(),
            slots: Slab::default(),
            wheel: Wheel::new(started_at),
            unconfirmed: HashMap::default(),
            records: Records::default(),
            watchers: HashMap::default(),
            surplus: Vec::new(),
        }
    }

    /// A user's first session.
    pub fn head(&self, hash: u32, user: &UserId) -> Option<u32> {
        self.index.find(hash, |head| self.slots[head].user == *user)
    }

    /// A user's sessions, from the first on.
    pub fn chain(&self, head: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(head), |&at| Some(self.slots[at].next).filter(|&next| next != NONE))
    }

    pub fn find(&self, hash: u32, user: &UserId, id: &SessionId) -> Option<u32> {
        let head = self.head(hash, user)?;
        self.chain(head).find(|&at| self.slots[at].id == *id)
    }

    /// The first session of the user of `at`.
    pub fn head_of(&self, at: u32) -> u32 {
        let slot = &self.slots[at];
        if slot.has(flag::FIRST) { at } else { self.head(slot.hash, &slot.user).unwrap_or(at) }
    }

    /// Enters a session that is not here yet; answers its number.
    pub fn insert(&mut self, hash: u32, mut slot: Slot) -> u32 {
        slot.hash = hash;
        let Some(head) = self.head(hash, &slot.user) else {
            let at = self.slots.insert(slot);
            self.name(at);
            return at;
        };
        // Behind the first, so that the index stays as it is.
        slot.next = self.slots[head].next;
        slot.flags |= self.slots[head].flags & flag::HIDDEN;
        let at = self.slots.insert(slot);
        self.slots[head].next = at;
        at
    }

    /// Makes a session the one that the index names for its user.
    fn name(&mut self, at: u32) {
        let slot = &mut self.slots[at];
        slot.set(flag::FIRST, true);
        let hash = slot.hash;
        self.index.insert(hash, at, |other| self.slots[other].hash);
    }

    /// Takes a session out. It must have been settled as gone.
    pub fn remove(&mut self, at: u32) -> Option<Slot> {
        let head = self.slots.get(at).map(|_| self.head_of(at))?;
        if head == at {
            let (hash, next) = (self.slots[at].hash, self.slots[at].next);
            self.index.remove(hash, at, |other| self.slots[other].hash);
            if next != NONE {
                self.name(next);
            }
        } else {
            let before = self.chain(head).find(|&other| self.slots[other].next == at);
            if let Some(before) = before {
                self.slots[before].next = self.slots[at].next;
            }
        }
        self.unconfirmed.remove(&at);
        self.slots.remove(at)
    }

    /// Has a session looked at in `after`, or earlier.
    pub fn look_in(&mut self, at: u32, now: Timestamp, after: Duration) {
        let queued = self.slots[at].queued;
        self.slots[at].queued = self.wheel.queue(at, queued, now, after);
    }

    /// The next sessions to look at, at most so many.
    ///
    /// All at once, so that the processor fetches them from far away side by side.
    pub fn next_looks(&mut self, limit: usize, into: &mut Vec<u32>) {
        while into.len() < limit
            && let Some((tick, at)) = self.wheel.next_due()
        {
            // Otherwise the item was overtaken by an earlier one, or the session is no more.
            if let Some(slot) = self.slots.get_mut(at)
                && slot.queued == tick
            {
                slot.queued = NOT_QUEUED;
                into.push(at);
            }
        }
    }
}
