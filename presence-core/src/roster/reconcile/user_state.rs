//! `UserState`: the state of a user before a change. Reconciling compares it with the state after
//! the change.

use crate::liveness::Liveness;
use crate::model::{Message, Status};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::sessions::user_indexes::address;
use crate::time::Timestamp;
use smallvec::SmallVec;
use std::sync::Arc;

/// A scope, and the user's state in it, hidden or not.
pub(crate) type Was = (Arc<ScopeState>, Liveness);

/// The state of a user before a change: totals of all sessions, and details of the sessions that
/// are about to change.
///
/// Code that changes a session takes this first, then changes facts, then reconciles.
pub(crate) struct UserState {
    /// Best state of all sessions, hidden or not.
    pub best: Liveness,
    pub hidden: bool,
    /// Number of live sessions, and their estimated bytes.
    pub live: (usize, usize),
    pub status: (Status, Option<Message>),
    /// The sessions that change.
    pub parts: SmallVec<[Part; 1]>,
    /// The user's state in the topics of those sessions, in the order in which they were added. If
    /// a scope has several entries, the first one is correct.
    pub was: SmallVec<[Was; 2]>,
}

/// The reconciled state of a session before a change.
pub(crate) struct Part {
    pub at: u32,
    pub state: Liveness,
    pub bytes: usize,
    /// Time of the session's declaration, if that counted.
    pub declared: Option<Timestamp>,
    /// The entries of `was` that are the session's topics.
    pub topics: std::ops::Range<usize>,
}

impl UserState {
    /// The state of a user without sessions.
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

    /// Adds a new session, which was gone before.
    pub fn and_new(mut self, at: u32) -> Self {
        let topics = self.was.len()..self.was.len();
        self.parts.push(Part { at, state: Liveness::Gone, bytes: 0, declared: None, topics });
        self
    }

    /// Adds the user's state in a scope.
    pub fn note(&mut self, scope: &Arc<ScopeState>, liveness: Liveness) {
        self.was.push((Arc::clone(scope), liveness));
    }

    /// Sorts the entries by scope and removes duplicates.
    pub fn sort(&mut self) {
        // A stable sort, so that the first entry of each scope is the one that is kept.
        self.was.sort_by_key(|(scope, _)| address(scope));
        self.was.dedup_by_key(|(scope, _)| address(scope));
    }

    /// Whether a changing session is or was in a scope. Requires [`sort`](Self::sort).
    pub fn has(&self, scope: &Arc<ScopeState>) -> bool {
        self.was.binary_search_by_key(&address(scope), |(was, _)| address(was)).is_ok()
    }
}

impl Shard {
    /// The state of the user whose first session is `head`, with details of
    /// the `changing` sessions.
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

    /// Adds the details of a session that is about to change.
    pub fn add_part(&self, head: u32, at: u32, user_state: &mut UserState) {
        let slot = &self.slots[at];
        let from = user_state.was.len();
        for scope in slot.current_topics() {
            let best = self.best_in(head, scope, None);
            user_state.note(scope, best);
        }
        let declared =
            slot.counting_declaration().filter(|_| slot.state.is_live()).map(|declared| declared.at);
        let topics = from..user_state.was.len();
        user_state.parts.push(Part { at, state: slot.state, bytes: slot.counted_bytes(), declared, topics });
    }
}
