//! What a user shows before a change, so that settling can tell what the change made of it.

use crate::liveness::Liveness;
use crate::model::{Message, Status};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::crowd::address;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::time::Timestamp;
use smallvec::SmallVec;
use std::sync::Arc;

/// A scope, and what the user was there, hidden or not.
pub(crate) type Was = (Arc<ScopeState>, Liveness);

/// What a user shows before a change: in sum, and in full by the sessions that are about to change.
///
/// Whoever changes a session takes it first, then changes facts, then settles.
pub(crate) struct UserState {
    /// The best of all sessions, hidden or not.
    pub best: Liveness,
    pub hidden: bool,
    /// How many sessions live, and about how many bytes they take.
    pub live: (usize, usize),
    pub status: (Status, Option<Message>),
    /// The sessions that change.
    pub parts: SmallVec<[Part; 1]>,
    /// What the user was where those sessions were, in the order in which it was found out: of
    /// several entries for one scope the first one is right.
    pub was: SmallVec<[Was; 2]>,
}

/// One session as it was settled before a change.
pub(crate) struct Part {
    pub at: u32,
    pub state: Liveness,
    pub bytes: usize,
    /// When it declared what counts.
    pub declared: Option<Timestamp>,
    /// Which entries of `was` are its topics.
    pub topics: std::ops::Range<usize>,
}

impl UserState {
    /// Of a user who has no session.
    pub fn nobody() -> Self {
        Self {
            best: Liveness::Gone,
            hidden: false,
            live: (0, 0),
            status: (Status::Offline, None),
            parts: SmallVec::new(),
            was: SmallVec::new(),
        }
    }

    /// The same with a session that has just come to be known: it was nothing.
    pub fn and_new(mut self, at: u32) -> Self {
        let topics = self.was.len()..self.was.len();
        self.parts.push(Part { at, state: Liveness::Gone, bytes: 0, declared: None, topics });
        self
    }

    /// What the user was in a scope, as far as it was found out.
    pub fn note(&mut self, scope: &Arc<ScopeState>, liveness: Liveness) {
        self.was.push((Arc::clone(scope), liveness));
    }

    /// Sorts what the user was by scope, each once.
    pub fn sort(&mut self) {
        // Stable: the first entry of each scope stays first.
        self.was.sort_by_key(|(scope, _)| address(scope));
        self.was.dedup_by_key(|(scope, _)| address(scope));
    }

    /// Whether a scope is among those that changing sessions are or were in. Once it is sorted.
    pub fn has(&self, scope: &Arc<ScopeState>) -> bool {
        self.was.binary_search_by_key(&address(scope), |(was, _)| address(was)).is_ok()
    }
}

impl Shard {
    /// What the user whose sessions start at `head` shows, with those sessions that are about to
    /// change.
    pub fn user_state(&self, head: Option<u32>, changing: impl IntoIterator<Item = u32>) -> UserState {
        let Some(head) = head else { return UserState::nobody() };
        let mut user_state = UserState {
            best: self.best(head),
            hidden: self.slots[head].has(flag::HIDDEN),
            live: self.live(head),
            status: self.status(head),
            ..UserState::nobody()
        };
        changing.into_iter().for_each(|at| self.add_part(head, at, &mut user_state));
        user_state
    }

    /// Notes how a session was settled that is about to change.
    pub fn add_part(&self, head: u32, at: u32, user_state: &mut UserState) {
        let slot = &self.slots[at];
        let from = user_state.was.len();
        for scope in slot.places() {
            let best = self.best_in(head, scope, None);
            user_state.note(scope, best);
        }
        let declared = slot.counting().filter(|_| slot.state.is_live()).map(|declared| declared.at);
        let topics = from..user_state.was.len();
        user_state.parts.push(Part { at, state: slot.state, bytes: slot.counted_bytes(), declared, topics });
    }
}
