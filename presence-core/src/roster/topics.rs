//! The topics that sessions are in.

use super::member::Counts;
use super::scope_state::ScopeState;
use super::stays::{SlotStay, Stays};
use crate::model;
use crate::model::Topic;
use parking_lot::RwLock;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

const PARTS: usize = 16;

type Part = RwLock<HashMap<Topic, Arc<ScopeState>, foldhash::fast::RandomState>>;

/// All topics in which sessions are, or that somebody watches. Bounded by the sessions: nobody else makes one.
#[derive(Default)]
pub(super) struct Topics {
    hasher: foldhash::fast::RandomState,
    parts: [Part; PARTS],
}

impl Topics {
    fn part(&self, topic: &Topic) -> &Part {
        &self.parts[usize::try_from(self.hasher.hash_one(topic)).unwrap_or_default() % PARTS]
    }

    pub fn get(&self, topic: &Topic) -> Option<Arc<ScopeState>> {
        self.part(topic).read().get(topic).map(Arc::clone)
    }

    /// The state of a topic, made if need be. Whoever makes one keeps it, or it goes with the next `tidy`.
    pub fn of(&self, topic: &Topic) -> Arc<ScopeState> {
        if let Some(scope) = self.get(topic) {
            return scope;
        }
        let new = || Arc::new(ScopeState::new(Some(topic.clone())));
        Arc::clone(self.part(topic).write().entry(topic.clone()).or_insert_with(new))
    }

    /// Looks up the topics of a session.
    pub fn stays(&self, topics: &model::Topics) -> Stays {
        match topics.stays() {
            [] => Stays::Nowhere,
            [only] if only.until.is_none() => Stays::One(self.of(&only.topic)),
            several => {
                let stay = |stay: &model::Stay| SlotStay {
                    scope: self.of(&stay.topic),
                    until: stay.until,
                    in_effect: false,
                };
                Stays::Many(Box::new(several.iter().map(stay).collect()))
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().len()).sum()
    }

    /// Those with most users online, the ties by name.
    pub fn top(&self, limit: usize) -> Vec<(Topic, Counts)> {
        let mut top: BTreeMap<(Reverse<u32>, Topic), Counts> = BTreeMap::new();
        for part in &self.parts {
            for (topic, scope) in part.read().iter() {
                let counts = scope.counts();
                let worst =
                    top.last_key_value().map(|((Reverse(online), worst), _)| (*online, Reverse(worst)));
                let room = top.len() < limit || worst < Some((counts.online, Reverse(topic)));
                if counts.online == 0 || limit == 0 || !room {
                    continue;
                }
                top.insert((Reverse(counts.online), topic.clone()), counts);
                if top.len() > limit {
                    top.pop_last();
                }
            }
        }
        top.into_iter().map(|((_, topic), counts)| (topic, counts)).collect()
    }

    /// Drops topics that no session is in and nobody looks at.
    pub fn tidy(&self) {
        for part in &self.parts {
            part.write().retain(|_, scope| Arc::strong_count(scope) > 1);
        }
    }
}
