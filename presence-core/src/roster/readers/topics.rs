//! The topics that sessions are in.

use crate::model;
use crate::model::Topic;
use crate::roster::readers::ranking::Ranking;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::cost;
use crate::roster::sessions::memberships::{Memberships, SlotMembership};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PARTS: usize = 16;

type Part = RwLock<HashMap<Topic, Arc<ScopeState>, foldhash::fast::RandomState>>;

/// All topics that sessions are in or that are watched. Their number is limited by the numbers of
/// sessions and watches.
#[derive(Default)]
pub(crate) struct Topics {
    hasher: foldhash::fast::RandomState,
    parts: [Part; PARTS],
    /// The topics ranked by the number of users in them.
    pub ranking: Ranking,
    /// Estimated bytes of all topics.
    bytes: AtomicUsize,
}

impl Topics {
    fn part(&self, topic: &Topic) -> &Part {
        &self.parts[usize::try_from(self.hasher.hash_one(topic)).unwrap_or_default() % PARTS]
    }

    pub fn get(&self, topic: &Topic) -> Option<Arc<ScopeState>> {
        self.part(topic).read().get(topic).map(Arc::clone)
    }

    /// The state of a topic, created if there is none. The next `tidy` drops it unless the caller
    /// keeps a reference.
    pub fn of(&self, topic: &Topic) -> Arc<ScopeState> {
        if let Some(scope) = self.get(topic) {
            return scope;
        }
        let new = || {
            self.bytes.fetch_add(cost::of_topic(topic), Ordering::Relaxed);
            Arc::new(ScopeState::new(Some(topic.clone())))
        };
        Arc::clone(self.part(topic).write().entry(topic.clone()).or_insert_with(new))
    }

    /// Resolves a list of topics to their states.
    pub fn memberships(&self, topics: &model::Topics) -> Memberships {
        match topics.memberships() {
            [] => Memberships::Nowhere,
            [only] if only.until.is_none() => Memberships::One(self.of(&only.topic)),
            several => {
                let membership = |membership: &model::Membership| SlotMembership {
                    scope: self.of(&membership.topic),
                    until: membership.until,
                    in_effect: false,
                };
                Memberships::Many(Box::new(several.iter().map(membership).collect()))
            }
        }
    }

    /// Estimated bytes of all topics.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a topic has visible members.
    pub fn shows(&self, topic: &Topic) -> bool {
        self.get(topic).is_some_and(|scope| scope.counts().online > 0)
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().len()).sum()
    }

    /// Recounts the bytes of all topics, and of those with visible members.
    #[cfg(test)]
    pub fn recount(&self) -> (usize, usize) {
        let mut bytes = (0, 0);
        for part in &self.parts {
            for (topic, scope) in part.read().iter() {
                bytes.0 += cost::of_topic(topic);
                bytes.1 += if scope.counts().online > 0 { cost::of_topic(topic) } else { 0 };
            }
        }
        bytes
    }

    /// Drops topics that nothing refers to.
    pub fn tidy(&self) {
        self.ranking.tidy();
        for part in &self.parts {
            let mut part = part.write();
            part.retain(|topic, scope| {
                let keeps = Arc::strong_count(scope) > 1;
                if !keeps {
                    self.bytes.fetch_sub(cost::of_topic(topic), Ordering::Relaxed);
                }
                keeps
            });
            if part.capacity() > 1_024 && part.len() < part.capacity() / 8 {
                part.shrink_to_fit();
            }
        }
    }
}
