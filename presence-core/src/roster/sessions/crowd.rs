//! Indexes of one user's sessions, for a user who has many of them: a change of one session is then
//! entered without a look at the others.

use crate::liveness::Liveness;
use crate::model::SessionId;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::reconcile::user_state::Part;
use crate::roster::sessions::slab::Slab;
use crate::roster::sessions::slot::Slot;
use crate::roster::work;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// From how many sessions on a user has indexes. Fewer sessions are looked at one by one: that is
/// as quick, and most users have one or two.
pub(crate) const CROWD: usize = 5;

/// What decides which session goes first when a user has too many; the number of the session tells
/// apart what is equal.
type Age = (Timestamp, Timestamp, u32);

/// The indexes of one user's sessions, by how each session was last settled. Whether the user is
/// hidden does not matter here.
#[derive(Default)]
pub(crate) struct Crowd {
    links: HashMap<SessionId, Link, foldhash::fast::RandomState>,
    active: usize,
    /// About how many bytes the live sessions take.
    bytes: usize,
    /// By the address of the topic's state, which is kept alive by the entry.
    topics: HashMap<usize, InTopic, foldhash::fast::RandomState>,
    /// The topics of all live sessions, each counted as often as a session is in it.
    memberships: usize,
    /// The declarations that count.
    declared: BTreeSet<(Timestamp, SessionId)>,
    /// Live sessions by when they were last seen, as far as this is known here: a renewal does not
    /// come by.
    live: BTreeSet<Age>,
    /// Gone sessions in the order in which they went, by a number that grows.
    gone: BTreeMap<u64, u32>,
    went: u64,
}

/// A session of the user.
struct Link {
    at: u32,
    /// The session before it in the chain; its own number for the first one.
    before: u32,
    place: Place,
}

/// Where a session stands in order.
enum Place {
    Live(Age),
    Gone(u64),
}

/// The user's live sessions in one topic.
pub(crate) struct InTopic {
    pub scope: Arc<ScopeState>,
    active: usize,
    /// In order of their numbers.
    pub sessions: Vec<u32>,
}

impl InTopic {
    pub fn best(&self) -> Liveness {
        if self.active > 0 { Liveness::Active } else { Liveness::Idle }
    }
}

/// The address of a scope, which tells it from others.
pub(crate) fn address(scope: &Arc<ScopeState>) -> usize {
    Arc::as_ptr(scope).addr()
}

impl Crowd {
    pub fn len(&self) -> usize {
        self.links.len()
    }

    pub fn find(&self, id: &SessionId) -> Option<u32> {
        work::step();
        self.links.get(id).map(|link| link.at)
    }

    /// How many sessions live, and about how many bytes they take.
    pub fn live(&self) -> (usize, usize) {
        (self.live.len(), self.bytes)
    }

    pub fn memberships(&self) -> usize {
        self.memberships
    }

    pub fn best(&self) -> Liveness {
        match (self.active, self.live.len()) {
            (0, 0) => Liveness::Gone,
            (0, _) => Liveness::Idle,
            _ => Liveness::Active,
        }
    }

    pub fn topic(&self, scope: &Arc<ScopeState>) -> Option<&InTopic> {
        work::step();
        self.topics.get(&address(scope))
    }

    pub fn topics(&self) -> impl Iterator<Item = &InTopic> {
        self.topics.values().inspect(|_| work::step())
    }

    /// The session whose declaration is the newest one that counts; of two of one instant, the one
    /// with the greater id.
    pub fn declares(&self) -> Option<u32> {
        self.declared.last().and_then(|(_, id)| self.find(id))
    }

    /// Enters a session behind another one of the chain. It is not settled yet, so that it counts
    /// as gone.
    pub fn link(&mut self, at: u32, before: u32, slots: &Slab) {
        let slot = &slots[at];
        if let Some(next) = slots.get(slot.next) {
            self.relink(&next.id, at);
        }
        let place = self.go(at);
        self.links.insert(slot.id.clone(), Link { at, before, place });
    }

    /// Puts a session behind all those that are gone.
    fn go(&mut self, at: u32) -> Place {
        self.went += 1;
        self.gone.insert(self.went, at);
        Place::Gone(self.went)
    }

    /// Takes out a session that is settled as gone; answers which one is before it in the chain.
    pub fn unlink(&mut self, at: u32, slots: &Slab) -> Option<u32> {
        let slot = &slots[at];
        let link = self.links.remove(&slot.id)?;
        match link.place {
            Place::Live(age) => drop(self.live.remove(&age)),
            Place::Gone(went) => drop(self.gone.remove(&went)),
        }
        let before = if link.before == at { slot.next } else { link.before };
        if let Some(next) = slots.get(slot.next) {
            self.relink(&next.id, before);
        }
        Some(link.before)
    }

    fn relink(&mut self, id: &SessionId, before: u32) {
        if let Some(link) = self.links.get_mut(id) {
            link.before = before;
        }
    }

    /// Counts a session as it is settled now.
    pub fn count(&mut self, slot: &Slot) {
        let Some(link) = self.links.get_mut(&slot.id) else { return };
        let (at, lives) = (link.at, slot.state.is_live());
        match link.place {
            Place::Live(age) => drop(self.live.remove(&age)),
            Place::Gone(went) if lives => drop(self.gone.remove(&went)),
            Place::Gone(_) => return,
        }
        let age = (slot.last_seen(), slot.placed_at, at);
        let place = if lives { Place::Live(age) } else { self.go(at) };
        if let Some(link) = self.links.get_mut(&slot.id) {
            link.place = place;
        }
        if !lives {
            return;
        }
        self.live.insert(age);
        self.bytes += slot.counted_bytes();
        let active = usize::from(slot.state == Liveness::Active);
        self.active += active;
        if let Some(declared) = slot.counting() {
            self.declared.insert((declared.at, slot.id.clone()));
        }
        for scope in slot.places() {
            work::step();
            self.memberships += 1;
            let new = || InTopic { scope: Arc::clone(scope), active: 0, sessions: Vec::new() };
            let topic = self.topics.entry(address(scope)).or_insert_with(new);
            topic.active += active;
            if let Err(place) = topic.sessions.binary_search(&at) {
                topic.sessions.insert(place, at);
            }
        }
    }

    /// Takes back what [`count`](Self::count) counted of a session.
    pub fn uncount<'a>(
        &mut self,
        id: &SessionId,
        before: &Part,
        topics: impl Iterator<Item = &'a Arc<ScopeState>>,
    ) {
        let active = usize::from(before.state == Liveness::Active);
        self.active -= active;
        if before.state.is_live() {
            self.bytes -= before.bytes;
        }
        if let Some(declared) = before.declared {
            self.declared.remove(&(declared, id.clone()));
        }
        for scope in topics {
            work::step();
            let Some(topic) = self.topics.get_mut(&address(scope)) else { continue };
            self.memberships -= 1;
            topic.active -= active;
            if let Ok(place) = topic.sessions.binary_search(&before.at) {
                topic.sessions.remove(place);
            }
            if topic.sessions.is_empty() {
                self.topics.remove(&address(scope));
            }
        }
        if self.topics.capacity() > 256 && self.topics.len() < self.topics.capacity() / 8 {
            self.topics.shrink_to(self.topics.len() * 2);
        }
    }

    /// The live session that was seen longest ago. What has been renewed since it was last put in
    /// order is put in order now: once for many renewals.
    pub fn oldest_live(&mut self, slots: &Slab) -> Option<u32> {
        loop {
            work::step();
            let age = *self.live.first()?;
            let slot = &slots[age.2];
            let now = (slot.last_seen(), slot.placed_at, age.2);
            if now == age {
                return Some(age.2);
            }
            self.live.remove(&age);
            self.live.insert(now);
            if let Some(link) = self.links.get_mut(&slot.id) {
                link.place = Place::Live(now);
            }
        }
    }

    /// The gone session that went first, if there are more than so many.
    pub fn oldest_gone(&self, beyond: usize) -> Option<u32> {
        work::step();
        self.gone.first_key_value().filter(|_| self.gone.len() > beyond).map(|(_, at)| *at)
    }
}
