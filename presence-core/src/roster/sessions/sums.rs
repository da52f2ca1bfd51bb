//! Totals over the sessions of one user: computed from the sessions if they are few, else read from
//! the user's [`UserIndexes`](super::user_indexes::UserIndexes).

use crate::liveness::Liveness;
use crate::model::{Declared, Message, Status};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::user_indexes::{InTopic, address};
use smallvec::SmallVec;
use std::sync::Arc;

impl Shard {
    /// The best state of a user's sessions, hidden or not.
    pub fn best(&self, head: u32) -> Liveness {
        match self.indexes(head) {
            Some(indexes) => indexes.best(),
            None => self.chain(head).map(|at| self.slots[at].state).max().unwrap_or(Liveness::Gone),
        }
    }

    /// The best state of a user's sessions in a topic, not counting the session `but`. If the user
    /// has indexes, the caller must already have removed `but` from their counts.
    pub fn best_in(&self, head: u32, topic: &Arc<ScopeState>, but: Option<u32>) -> Liveness {
        if let Some(indexes) = self.indexes(head) {
            return indexes.topic(topic).map_or(Liveness::Gone, InTopic::best);
        }
        let others = self.chain(head).filter(|&at| Some(at) != but).map(|at| &self.slots[at]);
        let here = others.filter(|slot| slot.current_topics().any(|scope| Arc::ptr_eq(scope, topic)));
        here.map(|slot| slot.state).max().unwrap_or(Liveness::Gone)
    }

    /// Number of a user's live sessions, and their estimated bytes.
    pub fn live(&self, head: u32) -> (usize, usize) {
        if let Some(indexes) = self.indexes(head) {
            return indexes.live();
        }
        let live = self.chain(head).map(|at| &self.slots[at]).filter(|slot| slot.state.is_live());
        live.fold((0, 0), |(sessions, bytes), slot| (sessions + 1, bytes + slot.counted_bytes()))
    }

    /// Number of memberships of a user's live sessions in total.
    pub fn memberships(&self, head: u32) -> usize {
        match self.indexes(head) {
            Some(indexes) => indexes.memberships(),
            None => self.chain(head).map(|at| self.slots[at].current_topics().count()).sum(),
        }
    }

    /// The declaration that counts for a user: the newest unexpired one of a live session.
    fn declared(&self, head: u32) -> Option<&Declared> {
        if let Some(indexes) = self.indexes(head) {
            return self.slots[indexes.declares()?].counting_declaration();
        }
        let live = self.chain(head).filter(|&at| self.slots[at].state.is_live());
        // If two have the same time, the greater session id wins, in every process alike.
        let counting =
            live.filter_map(|at| Some((self.slots[at].counting_declaration()?, &self.slots[at].id)));
        counting.max_by_key(|(declared, id)| (declared.at, *id)).map(|(declared, _)| declared)
    }

    /// The effective status of a user, with its message.
    pub fn status(&self, head: u32) -> (Status, Option<Message>) {
        match (self.best(head), self.declared(head)) {
            (Liveness::Gone, _) => (Status::Offline, None),
            (_, Some(declared)) => (declared.status, declared.message.clone()),
            (Liveness::Active, None) => (Status::Online, None),
            (Liveness::Idle, None) => (Status::Away, None),
        }
    }

    /// Whether the user has declared to be offline.
    pub fn hides(&self, head: u32) -> bool {
        self.declared(head).is_some_and(|declared| declared.status == Status::Offline)
    }

    /// Calls `visit` once for each topic of a user, with the best state of the
    /// user's sessions there.
    pub fn each_topic(&self, head: u32, mut visit: impl FnMut(&Arc<ScopeState>, Liveness)) {
        if let Some(indexes) = self.indexes(head) {
            return indexes.topics().for_each(|topic| visit(&topic.scope, topic.best()));
        }
        let slots = self.chain(head).map(|at| &self.slots[at]);
        let mut topics: SmallVec<[(&Arc<ScopeState>, Liveness); 8]> =
            slots.flat_map(|slot| slot.current_topics().map(|scope| (scope, slot.state))).collect();
        // Sorted so that `dedup` keeps the best state of each topic.
        topics.sort_unstable_by_key(|(scope, state)| (address(scope), std::cmp::Reverse(*state)));
        topics.dedup_by_key(|(scope, _)| address(scope));
        topics.into_iter().for_each(|(scope, best)| visit(scope, best));
    }
}
