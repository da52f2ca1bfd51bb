//! What is kept of everyone, and of each topic: counts, the sorted users, and who watches.

use crate::liveness::Liveness;
use crate::model::{Topic, UserId};
use crate::roster::readers::diff::LeftReason;
use crate::roster::readers::member::Counts;
use crate::roster::readers::users::Users;
use crate::roster::readers::watch::Watch;
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// When pending steps are sorted in without a reader: once there are a quarter as many as users,
/// within these bounds.
const FEW: usize = 64;
const ENOUGH: usize = 4_096;
/// From how many pending steps on those who make more must help to sort them in, because nobody
/// else keeps up.
const TOO_MANY: usize = 65_536;
/// How many are sorted in before others get their turn: half a millisecond even where every one of
/// them is in a piece of memory of its own, and a tenth where a few thousand users are listed.
const SLICE: usize = 1_024;

/// The users of a scope, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The active ones.
    pub active: Users,
    /// The idle ones.
    pub idle: Users,
}

impl Sorted {
    fn apply(&mut self, mut steps: Vec<Change>) {
        // Stable: those of one user stay in the order in which they happened.
        steps.sort_by(|one, other| one.user.cmp(&other.user));
        // Of each user the last step says where they are now. All of them together say where they
        // may have been: not only the first, since who was here before the lists were kept is
        // entered beside their steps.
        let mut net: Vec<(Change, u8)> = Vec::with_capacity(steps.len());
        for step in steps {
            let lists = bit(step.from) | bit(step.to);
            match net.last_mut() {
                Some((last, all)) if last.user == step.user => {
                    last.to = step.to;
                    *all |= lists;
                }
                _ => net.push((step, lists)),
            }
        }
        for (list, liveness) in [(&mut self.active, Liveness::Active), (&mut self.idle, Liveness::Idle)] {
            let touched = net.iter().filter(|(_, lists)| lists & bit(liveness) != 0);
            list.apply(touched.map(|(step, _)| (&step.user, step.to == liveness)));
        }
    }
}

/// Stands for a list in a set of them.
fn bit(liveness: Liveness) -> u8 {
    match liveness {
        Liveness::Gone => 0,
        Liveness::Idle => 1,
        Liveness::Active => 2,
    }
}

/// The lists, and what has been taken out of `pending` and not been sorted in yet: it comes before
/// what is pending.
#[derive(Default)]
struct Lists {
    sorted: Sorted,
    backlog: std::vec::IntoIter<Change>,
}

/// Scopes with more pending steps than they should have, each once.
///
/// Whoever makes a step only notes it. Sorting in is the work of readers and of
/// [`Roster::sort`](crate::roster::Roster::sort), which a `Presence` calls beside each sweep, a slice at a
/// time; beats and sweeps pay only where that does not keep up.
#[derive(Default)]
pub(crate) struct SortQueue {
    /// Weak: who waits here does not keep a topic alive.
    scopes: Mutex<VecDeque<Weak<ScopeState>>>,
    /// Whether one of them has far too many.
    pressing: AtomicBool,
}

impl SortQueue {
    /// Notes that a scope may be overdue. A leaf among the locks.
    pub fn note(&self, scope: &Arc<ScopeState>) {
        let waiting = scope.waiting.load(Ordering::Relaxed);
        if waiting < FEW || waiting < (scope.counts().online as usize / 4).min(ENOUGH) {
            return;
        }
        if waiting > TOO_MANY {
            self.pressing.store(true, Ordering::Relaxed);
        }
        if !scope.sort_queue.swap(true, Ordering::Relaxed) {
            self.scopes.lock().push_back(Arc::downgrade(scope));
        }
    }

    /// Whether somebody must help. Says so once.
    pub fn presses(&self) -> bool {
        self.pressing.load(Ordering::Relaxed) && self.pressing.swap(false, Ordering::Relaxed)
    }

    /// Sorts in a slice; answers how many steps that were, `None` if nothing is overdue.
    pub fn sort(&self) -> Option<usize> {
        let scope = self.scopes.lock().pop_front()?;
        let Some(scope) = scope.upgrade() else { return Some(0) };
        let sorted = scope.sort();
        if sorted == SLICE {
            // The rest comes after all the others.
            self.scopes.lock().push_back(Arc::downgrade(&scope));
        } else {
            scope.sort_queue.store(false, Ordering::Relaxed);
            self.note(&scope);
        }
        Some(sorted)
    }
}

/// One user's step in a scope.
pub(crate) struct Change {
    pub user: UserId,
    pub from: Liveness,
    pub to: Liveness,
}

/// Why a user is gone whose sessions still live: they have moved on, or are hidden.
pub(crate) fn left(from: Liveness, to: Liveness) -> Option<LeftReason> {
    (from.is_live() && !to.is_live()).then_some(LeftReason::Left)
}

/// One scope: everyone, or one topic.
pub(crate) struct ScopeState {
    /// `None` for everyone.
    topic: Option<Topic>,
    /// Online in the upper half, active in the lower: one load sees both of one moment. Changed
    /// only under the lock of the user's shard, on transitions; a user is subtracted only after
    /// being added, so neither half underflows.
    counts: AtomicU64,
    /// Steps not yet sorted in, in the order in which they happened to each user. A leaf among the
    /// locks: pushing here is all that a transition does to the lists, so a long read of them never
    /// holds up a beat.
    pending: Mutex<Vec<Change>>,
    /// How many are pending, for whoever asks without the lock.
    waiting: AtomicUsize,
    lists: Mutex<Lists>,
    /// Whether it stands in the list of overdue ones.
    sort_queue: AtomicBool,
    /// With how many users online it stands in the ranking of topics. Changed only under the lock
    /// of its part there.
    ranked: AtomicU32,
    /// Whether that is to be looked at again.
    to_rank: AtomicBool,
    /// Whether the lists are kept at all. Topics always keep theirs; everyone's start with the
    /// first reader.
    listed: AtomicBool,
    /// The watches of this scope; `watched` says without the lock that there are any.
    watches: RwLock<Vec<Arc<Watch>>>,
    watched: AtomicBool,
}

impl ScopeState {
    pub fn new(topic: Option<Topic>) -> Self {
        Self {
            listed: AtomicBool::new(topic.is_some()),
            topic,
            counts: AtomicU64::new(0),
            pending: Mutex::default(),
            waiting: AtomicUsize::new(0),
            lists: Mutex::default(),
            sort_queue: AtomicBool::new(false),
            ranked: AtomicU32::new(0),
            to_rank: AtomicBool::new(false),
            watches: RwLock::default(),
            watched: AtomicBool::new(false),
        }
    }

    pub fn topic(&self) -> Option<&Topic> {
        self.topic.as_ref()
    }

    pub fn counts(&self) -> Counts {
        let packed = self.counts.load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        Counts { online: (packed >> 32) as u32, active: packed as u32 }
    }

    /// Takes one user's step. To be called under the lock of the user's shard.
    /// Answers how many were online before and after, if that or how many are active has changed.
    pub(crate) fn step(
        &self,
        user: &UserId,
        from: Liveness,
        to: Liveness,
        reason: Option<LeftReason>,
    ) -> Option<(u64, u64)> {
        let mut change = None;
        if from != to {
            let weight = |liveness| match liveness {
                Liveness::Gone => 0_u64,
                Liveness::Idle => 1 << 32,
                Liveness::Active => (1 << 32) + 1,
            };
            let step = weight(to).wrapping_sub(weight(from));
            let before = self.counts.fetch_add(step, Ordering::Relaxed);
            change = Some((before >> 32, before.wrapping_add(step) >> 32));
            if self.listed.load(Ordering::Acquire) {
                let mut pending = self.pending.lock();
                pending.push(Change { user: user.clone(), from, to });
                self.waiting.store(pending.len(), Ordering::Relaxed);
            }
        }
        if self.watched.load(Ordering::Acquire) {
            let reason = reason.or_else(|| left(from, to));
            for watch in self.watches.read().iter() {
                watch.mark(user, reason);
            }
        }
        change
    }

    /// Notes that its place in the ranking may have changed; answers whether that was not known.
    pub(crate) fn is_first_change(&self) -> bool {
        !self.to_rank.swap(true, Ordering::AcqRel)
    }

    /// With how many users online it stands in the ranking, and with how many it is to stand there
    /// from now on.
    pub(crate) fn rank(&self) -> (u32, u32) {
        // Before the counts are read: whoever changes them after that notes it anew.
        self.to_rank.swap(false, Ordering::AcqRel);
        let online = self.counts().online;
        (self.ranked.swap(online, Ordering::Relaxed), online)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.pending.lock().len()
    }

    /// Reads the lists as they are now.
    pub fn read<T>(&self, read: impl FnOnce(&Sorted) -> T) -> T {
        let mut lists = self.lists.lock();
        let mut steps: Vec<Change> = std::mem::take(&mut lists.backlog).collect();
        steps.append(&mut self.take());
        lists.sorted.apply(steps);
        read(&lists.sorted)
    }

    fn take(&self) -> Vec<Change> {
        let mut pending = self.pending.lock();
        self.waiting.store(0, Ordering::Relaxed);
        std::mem::take(&mut *pending)
    }

    /// Sorts in a slice of what is pending; answers how many steps that were: none if somebody
    /// reads, for they sort.
    fn sort(&self) -> usize {
        let Some(mut lists) = self.lists.try_lock() else { return 0 };
        if lists.backlog.len() == 0 {
            lists.backlog = self.take().into_iter();
        }
        let steps: Vec<Change> = lists.backlog.by_ref().take(SLICE).collect();
        let sorted = steps.len();
        lists.sorted.apply(steps);
        sorted
    }

    /// Keeps lists from now on; answers whether it did already. What is here already must then be
    /// stepped in.
    pub(crate) fn start_listing(&self) -> bool {
        self.listed.swap(true, Ordering::AcqRel)
    }

    /// Enters a user who was here before the lists were kept. To be called under the lock of the
    /// user's shard.
    pub(crate) fn enter(&self, user: &UserId, liveness: Liveness) {
        let mut pending = self.pending.lock();
        pending.push(Change { user: user.clone(), from: Liveness::Gone, to: liveness });
        self.waiting.store(pending.len(), Ordering::Relaxed);
    }

    pub(crate) fn attach(&self, watch: Arc<Watch>) {
        let mut watches = self.watches.write();
        watches.push(watch);
        self.watched.store(true, Ordering::Release);
    }

    pub(crate) fn detach(&self, watch: &Arc<Watch>) {
        let mut watches = self.watches.write();
        watches.retain(|other| !Arc::ptr_eq(other, watch));
        self.watched.store(!watches.is_empty(), Ordering::Release);
    }
}
