//! One lock's worth of sessions: all those of the users whose hash falls here.
//!
//! All sessions of a user are under one lock, so that whether the user joins or leaves is decided
//! exactly once.

use crate::index::Index;
use crate::model::{SessionId, UserId};
use crate::roster::clock::wheel::{NOT_QUEUED, Wheel};
use crate::roster::readers::watch::Watch;
use crate::roster::sessions::crowd::{CROWD, Crowd};
use crate::roster::sessions::slab::{NONE, Slab};
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::user_records::records::Records;
use crate::roster::work;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Shard {
    /// Where each user's sessions start.
    index: Index,
    pub slots: Slab,
    /// Indexes of users with many sessions, by the first session; that one has a flag.
    pub crowds: HashMap<u32, Box<Crowd>, foldhash::fast::RandomState>,
    /// From how many sessions on a user has indexes.
    pub crowd_from: usize,
    pub wheel: Wheel,
    /// Since when a session waits to be confirmed; only for those that have the flag.
    pub unconfirmed: HashMap<u32, Timestamp, foldhash::fast::RandomState>,
    /// What users left behind beside their sessions.
    pub records: Records,
    /// Who watches single users.
    pub watchers: HashMap<UserId, Vec<Arc<Watch>>, foldhash::fast::RandomState>,
    /// Gone sessions of users who have too many; the next sweep has the store forget them.
    pub surplus: Vec<ForgetIf>,
}

impl Shard {
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            index: Index::default(),
            slots: Slab::default(),
            crowds: HashMap::default(),
            crowd_from: CROWD,
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
        let next = |&at: &u32| Some(self.slots[at].next).filter(|&next| next != NONE);
        std::iter::successors(Some(head), next).inspect(|_| work::step())
    }

    /// The indexes of a user's sessions, if there are so many that it has some.
    pub fn crowd(&self, head: u32) -> Option<&Crowd> {
        if self.slots[head].has(flag::CROWD) { self.crowds.get(&head).map(AsRef::as_ref) } else { None }
    }

    /// One of a user's sessions.
    pub fn find_from(&self, head: u32, id: &SessionId) -> Option<u32> {
        match self.crowd(head) {
            Some(crowd) => crowd.find(id),
            None => self.chain(head).find(|&at| self.slots[at].id == *id),
        }
    }

    pub fn find(&self, hash: u32, user: &UserId, id: &SessionId) -> Option<u32> {
        self.find_from(self.head(hash, user)?, id)
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
        if let Some(crowd) = self.crowds.get_mut(&head) {
            crowd.link(at, head, &self.slots);
        } else if self.chain(head).count() >= self.crowd_from {
            self.gather(head);
        }
        at
    }

    /// The live session of a user that was seen longest ago, if there are so many that this is
    /// known.
    pub fn oldest_live(&mut self, head: u32) -> Option<u32> {
        let Self { crowds, slots, .. } = self;
        crowds.get_mut(&head)?.oldest_live(slots)
    }

    /// Makes the indexes of a user's sessions.
    fn gather(&mut self, head: u32) {
        let (mut crowd, mut before) = (Box::<Crowd>::default(), head);
        for at in self.chain(head) {
            crowd.link(at, before, &self.slots);
            crowd.count(&self.slots[at]);
            before = at;
        }
        self.slots[head].set(flag::CROWD, true);
        self.crowds.insert(head, crowd);
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
        let before = match self.crowds.get_mut(&head) {
            Some(crowd) => crowd.unlink(at, &self.slots),
            None => self.chain(head).find(|&other| self.slots[other].next == at),
        };
        let next = self.slots[at].next;
        let mut first = head;
        if head == at {
            let hash = self.slots[at].hash;
            self.index.remove(hash, at, |other| self.slots[other].hash);
            if next != NONE {
                self.name(next);
                first = next;
            }
        } else if let Some(before) = before {
            self.slots[before].next = next;
        }
        if let Some(crowd) = self.crowds.remove(&head) {
            // What is left of a crowd is looked at one by one again, at some distance from where it
            // becomes one.
            let memberships = crowd.len() > self.crowd_from / 2;
            self.slots[first].set(flag::CROWD, memberships);
            if memberships {
                self.crowds.insert(first, crowd);
            }
        }
        self.unconfirmed.remove(&at);
        self.slots.remove(at)
    }

    /// Gives back what maps took that are nearly empty by now.
    pub fn tidy(&mut self) {
        fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V, foldhash::fast::RandomState>) {
            if map.capacity() > 64 && map.len() < map.capacity() / 8 {
                map.shrink_to(map.len() * 2);
            }
        }
        shrink(&mut self.crowds);
        shrink(&mut self.unconfirmed);
        shrink(&mut self.watchers);
        shrink(&mut self.records.seen);
        shrink(&mut self.records.marks);
    }

    /// Has a session looked at in `after`, or earlier.
    pub fn check_in(&mut self, at: u32, now: Timestamp, after: Duration) {
        let queued = self.slots[at].queued;
        self.slots[at].queued = self.wheel.queue(at, queued, now, after);
    }

    /// The next sessions to look at, at most so many.
    ///
    /// All at once, so that the processor fetches them from far away side by side.
    pub fn next_checks(&mut self, limit: usize, into: &mut Vec<u32>) {
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
