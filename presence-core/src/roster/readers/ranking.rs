//! `Ranking`: the topics sorted by the number of users in them. A query of the first few visits
//! only those.

use crate::model::Topic;
use crate::roster::readers::member::Counts;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::work;
use parking_lot::Mutex;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Number of parts that the ranking is split into, each with a lock of its own.
const PARTS: usize = 16;
/// Most topics of a part that wait for re-ranking. Queries re-rank them, so this limits the work of
/// one query.
const LATE: usize = 32;

/// The ranking of all topics with online users.
///
/// A change of a count only queues the topic for re-ranking, once for any number of changes.
/// Queueing and re-ranking take the lock of the topic's part, and no other lock under it.
#[derive(Default)]
pub(crate) struct Ranking {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Default)]
struct Part {
    order: BTreeSet<Ranked>,
    /// Topics to re-rank, each once.
    changed: Vec<Arc<ScopeState>>,
}

/// A topic and the count that it is ranked by. Greater counts come first; equal ones are
/// sorted by name.
struct Ranked {
    online: u32,
    scope: Arc<ScopeState>,
}

impl Ranked {
    fn key(&self) -> (Reverse<u32>, Option<&Topic>) {
        (Reverse(self.online), self.scope.topic())
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Part {
    /// Re-ranks the queued topics.
    fn sort(&mut self) {
        for scope in self.changed.drain(..) {
            let (from, to) = scope.rank();
            if from == to {
                continue;
            }
            if from > 0 {
                self.order.remove(&Ranked { online: from, scope: Arc::clone(&scope) });
            }
            if to > 0 {
                self.order.insert(Ranked { online: to, scope });
            }
        }
    }
}

impl Ranking {
    fn part(&self, scope: &Arc<ScopeState>) -> &Mutex<Part> {
        // The low bits are equal because of alignment.
        &self.parts[(Arc::as_ptr(scope).addr() >> 6) % PARTS]
    }

    /// Queues a topic for re-ranking.
    pub fn note(&self, scope: &Arc<ScopeState>) {
        if scope.is_first_change() {
            let mut part = self.part(scope).lock();
            part.changed.push(Arc::clone(scope));
            if part.changed.len() >= LATE {
                part.sort();
            }
        }
    }

    /// The first `limit` topics.
    #[expect(clippy::mutable_key_type, reason = "ordered by the name and a count of the entry's own")]
    pub fn top(&self, limit: usize) -> Vec<(Topic, Counts)> {
        let mut top: BTreeSet<Ranked> = BTreeSet::new();
        for part in &self.parts {
            let mut part = part.lock();
            part.changed.iter().for_each(|_| work::step());
            part.sort();
            for ranked in part.order.iter().take(limit) {
                work::step();
                if top.len() >= limit {
                    if top.last() < Some(ranked) {
                        // The rest of this part has lower ranks.
                        break;
                    }
                    top.pop_last();
                }
                top.insert(Ranked { online: ranked.online, scope: Arc::clone(&ranked.scope) });
            }
        }
        // Counts may have changed meanwhile, so the result is sorted again by the counts that it
        // contains.
        let counted =
            top.iter().filter_map(|ranked| Some((ranked.scope.topic()?.clone(), ranked.scope.counts())));
        let mut counted: Vec<_> = counted.filter(|(_, counts)| counts.online > 0).collect();
        counted.sort_by(|(one, a), (other, b)| b.online.cmp(&a.online).then_with(|| one.cmp(other)));
        counted
    }

    /// Releases references to topics without members.
    pub fn tidy(&self) {
        for part in &self.parts {
            let mut part = part.lock();
            part.sort();
            part.changed = Vec::new();
        }
    }
}
