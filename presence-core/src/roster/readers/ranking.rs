//! The topics in order of how many users are in them, kept up to date by every step, so that a
//! question for the first few looks at those few.

use crate::model::Topic;
use crate::roster::readers::member::Counts;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::work;
use parking_lot::Mutex;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Into how many parts the order is split, each with a lock of its own.
const PARTS: usize = 16;
/// How many topics of a part may have changed before they are put in order. A reader puts in order
/// what it finds, so this also bounds what one question pays for others' steps.
const LATE: usize = 32;

/// The order of all topics with somebody online.
///
/// A step only notes that the topic has changed; a topic with many steps is noted once. Noting and
/// putting in order take the lock of the topic's part, a leaf among the locks.
#[derive(Default)]
pub(crate) struct Ranking {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Default)]
struct Part {
    order: BTreeSet<Ranked>,
    /// Topics whose place may have changed, each once.
    changed: Vec<Arc<ScopeState>>,
}

/// A topic and how many were online when it was put in order: most of them first, the ties by name.
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
    /// Puts in order what has changed.
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
        // Above the bits that allocation makes equal.
        &self.parts[(Arc::as_ptr(scope).addr() >> 6) % PARTS]
    }

    /// Notes that the number of users online in a topic has changed.
    pub fn note(&self, scope: &Arc<ScopeState>) {
        if scope.is_first_change() {
            let mut part = self.part(scope).lock();
            part.changed.push(Arc::clone(scope));
            if part.changed.len() >= LATE {
                part.sort();
            }
        }
    }

    /// The first topics in order, at most so many.
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
                        // All that follow come later still.
                        break;
                    }
                    top.pop_last();
                }
                top.insert(Ranked { online: ranked.online, scope: Arc::clone(&ranked.scope) });
            }
        }
        // Counts may have moved since; the answer is in order of what it says.
        let counted =
            top.iter().filter_map(|ranked| Some((ranked.scope.topic()?.clone(), ranked.scope.counts())));
        let mut counted: Vec<_> = counted.filter(|(_, counts)| counts.online > 0).collect();
        counted.sort_by(|(one, a), (other, b)| b.online.cmp(&a.online).then_with(|| one.cmp(other)));
        counted
    }

    /// Lets go of topics that nobody is in any more.
    pub fn tidy(&self) {
        for part in &self.parts {
            let mut part = part.lock();
            part.sort();
            part.changed = Vec::new();
        }
    }
}
