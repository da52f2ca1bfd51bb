//! `UserIndexes`: indexes over the sessions of a user who has many of them. With these, a change of
//! one session is counted without visiting the others.

use crate::liveness::Liveness;
use crate::model::SessionId;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::reconcile::user_state::Part;
use crate::roster::sessions::slot::Slot;
use crate::roster::work;
use crate::slab::Slab;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A user with at least this many sessions has [`UserIndexes`]. With fewer, visiting each session
/// is as fast; most users have one or two.
pub(crate) const INDEX_FROM: usize = 5;

/// The order of eviction when a user has too many sessions: when last seen, when placed, and the
/// slot number as a tie-breaker.
type Age = (Timestamp, Timestamp, u32);

/// Indexes over the sessions of one user, by their state at the last reconciliation. They do not
/// depend on whether the user is hidden.
#[derive(Default)]
pub(crate) struct UserIndexes {
    links: HashMap<SessionId, Link, foldhash::fast::RandomState>,
    active: usize,
    /// Estimated bytes of the live sessions.
    bytes: usize,
    /// Keyed by the address of the topic's state; each entry keeps that state alive.
    topics: HashMap<usize, InTopic, foldhash::fast::RandomState>,
    /// Memberships of all live sessions in total.
    memberships: usize,
    /// The declarations that count at present, ordered by time.
    declared: BTreeSet<(Timestamp, SessionId)>,
    /// Live sessions in order of eviction. Renewals do not update this index: `oldest_live`
    /// corrects entries when it reads them.
    live: BTreeSet<Age>,
    /// Gone sessions in the order in which they became so, keyed by an increasing number.
    gone: BTreeMap<u64, u32>,
    last_gone: u64,
}

/// The position of one session in the indexes.
struct Link {
    at: u32,
    /// The preceding session in the user's chain; for the first one, its own slot number.
    before: u32,
    rank: Rank,
}

/// The key of a session in one of the two orders.
enum Rank {
    Live(Age),
    Gone(u64),
}

/// The live sessions of the user in one topic.
pub(crate) struct InTopic {
    pub scope: Arc<ScopeState>,
    active: usize,
    /// Slot numbers in ascending order.
    pub sessions: Vec<u32>,
}

impl InTopic {
    pub fn best(&self) -> Liveness {
        if self.active > 0 { Liveness::Active } else { Liveness::Idle }
    }
}

/// The address of a scope's state, used as its identity.
pub(crate) fn address(scope: &Arc<ScopeState>) -> usize {
    Arc::as_ptr(scope).addr()
}

impl UserIndexes {
    pub fn len(&self) -> usize {
        self.links.len()
    }

    pub fn find(&self, id: &SessionId) -> Option<u32> {
        work::step();
        self.links.get(id).map(|link| link.at)
    }

    /// Number of live sessions, and their estimated bytes.
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

    /// The session whose declaration counts for the user: the one with the newest declaration. If
    /// two have the same time, the greater session id wins.
    pub fn declares(&self) -> Option<u32> {
        self.declared.last().and_then(|(_, id)| self.find(id))
    }

    /// Adds the session `at`, which follows `before` in the chain. Until it is reconciled, it
    /// counts as gone.
    pub fn link(&mut self, at: u32, before: u32, slots: &Slab<Slot>) {
        let slot = &slots[at];
        if let Some(next) = slots.get(slot.next) {
            self.relink(&next.id, at);
        }
        let rank = self.push_gone(at);
        self.links.insert(slot.id.clone(), Link { at, before, rank });
    }

    /// Appends a session to the order of gone sessions.
    fn push_gone(&mut self, at: u32) -> Rank {
        self.last_gone += 1;
        self.gone.insert(self.last_gone, at);
        Rank::Gone(self.last_gone)
    }

    /// Removes a session that is reconciled as gone; returns its predecessor in the chain.
    pub fn unlink(&mut self, at: u32, slots: &Slab<Slot>) -> Option<u32> {
        let slot = &slots[at];
        let link = self.links.remove(&slot.id)?;
        match link.rank {
            Rank::Live(age) => drop(self.live.remove(&age)),
            Rank::Gone(last_gone) => drop(self.gone.remove(&last_gone)),
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

    /// Counts a session by its state after a reconciliation.
    pub fn count(&mut self, slot: &Slot) {
        let Some(link) = self.links.get_mut(&slot.id) else { return };
        let (at, is_live) = (link.at, slot.state.is_live());
        match link.rank {
            Rank::Live(age) => drop(self.live.remove(&age)),
            Rank::Gone(last_gone) if is_live => drop(self.gone.remove(&last_gone)),
            Rank::Gone(_) => return,
        }
        let age = (slot.last_seen(), slot.placed_at, at);
        let rank = if is_live { Rank::Live(age) } else { self.push_gone(at) };
        if let Some(link) = self.links.get_mut(&slot.id) {
            link.rank = rank;
        }
        if !is_live {
            return;
        }
        self.live.insert(age);
        self.bytes += slot.counted_bytes();
        let active = usize::from(slot.state == Liveness::Active);
        self.active += active;
        if let Some(declared) = slot.counting_declaration() {
            self.declared.insert((declared.at, slot.id.clone()));
        }
        for scope in slot.current_topics() {
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

    /// Reverts the last [`count`](Self::count) of a session, given its state at that time.
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

    /// The live session that was seen longest ago. Renewals outdate entries of the index. An
    /// outdated entry is sorted again here, once for any number of renewals.
    pub fn oldest_live(&mut self, slots: &Slab<Slot>) -> Option<u32> {
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
                link.rank = Rank::Live(now);
            }
        }
    }

    /// The session that has been gone longest, if more than `beyond` are gone.
    pub fn oldest_gone(&self, beyond: usize) -> Option<u32> {
        work::step();
        self.gone.first_key_value().filter(|_| self.gone.len() > beyond).map(|(_, at)| *at)
    }
}
