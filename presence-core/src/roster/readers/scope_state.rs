//! `ScopeState`: the state of a scope (all users, or one topic): counts, sorted lists of users, and
//! watches.

use crate::liveness::Liveness;
use crate::model::{Topic, UserId};
use crate::roster::readers::diff::LeftReason;
use crate::roster::readers::member::Counts;
use crate::roster::readers::users::Users;
use crate::roster::readers::watch::Watch;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Changes that are applied to a list at a time. That takes up to half a millisecond, and a tenth
/// of that in lists of a few thousand users.
pub(super) const SLICE: usize = 1_024;

/// The users of a scope, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sorted {
    /// The active users.
    pub active: Users,
    /// The idle users.
    pub idle: Users,
}

impl Sorted {
    fn apply(&mut self, mut steps: Vec<Change>) {
        // A stable sort, so that the changes of one user keep their order.
        steps.sort_by(|one, other| one.user.cmp(&other.user));
        // Combines the changes of each user. The last one says which list the user is in now. All
        // of them together say which lists the user may have been in. The first one alone does not
        // say that: users who were present before the lists were built are added between their
        // changes.
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

/// The list of users with this liveness, as a bit.
fn bit(liveness: Liveness) -> u8 {
    match liveness {
        Liveness::Gone => 0,
        Liveness::Idle => 1,
        Liveness::Active => 2,
    }
}

/// The sorted lists, and earlier changes that were taken out of `pending` but are not applied yet.
#[derive(Default)]
struct Lists {
    sorted: Sorted,
    backlog: std::vec::IntoIter<Change>,
}

/// A change of one user in a scope.
pub(crate) struct Change {
    pub user: UserId,
    pub from: Liveness,
    pub to: Liveness,
}

/// The reason for which a user is gone although no session ended: the sessions moved to other
/// topics, or the user is hidden.
pub(crate) fn left(from: Liveness, to: Liveness) -> Option<LeftReason> {
    (from.is_live() && !to.is_live()).then_some(LeftReason::Left)
}

/// Identifies what a scope shows: its members, as lists show them, and its counts. Between two equal
/// revisions nothing of that has changed, so that an encoded list may be sent again.
///
/// A scope may also get a new revision without a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    /// The number of the scope's state. A topic that was dropped and entered again gets another.
    scope: u64,
    changes: u64,
}

/// Numbers the states of all scopes of the process.
static NEXT_SCOPE: AtomicU64 = AtomicU64::new(0);

/// The state of one scope: all users, or one topic.
pub(crate) struct ScopeState {
    /// The number of this state, for its revisions.
    number: u64,
    /// The number of changes. Incremented last in each change, under the lock of the user's shard:
    /// whoever reads it and then a member gets that change or a later one.
    changes: AtomicU64,
    /// `None` for the scope of all users.
    topic: Option<Topic>,
    /// The number of online users in the upper half, and of active ones in the lower half, so that
    /// one load reads both consistently. Changed by transitions, under the lock of the user's
    /// shard. A user is subtracted only after having been added, so neither half underflows. The
    /// lengths of the lists are no substitute: the lists lack the pending changes, or are not kept.
    counts: AtomicU64,
    /// Changes that are not applied to the lists yet, in order for each user. A transition only
    /// appends here, so that a long read of the lists never delays a heartbeat. No other lock is
    /// taken while this one is held.
    pending: Mutex<Vec<Change>>,
    /// Length of `pending`, readable without its lock.
    pub(super) waiting: AtomicUsize,
    lists: Mutex<Lists>,
    /// Whether the scope is in the [`SortQueue`](super::sort_queue::SortQueue).
    pub(super) is_queued: AtomicBool,
    /// The count that the topic is ranked by. Changed only under the lock of its part
    /// of the ranking.
    ranked: AtomicU32,
    /// Whether the topic is queued for re-ranking.
    rank_is_stale: AtomicBool,
    /// Whether the lists are kept. Those of a topic always are; those of all users are kept from
    /// the first reader on.
    listed: AtomicBool,
    /// The watches of this scope. `watched` says whether there are any, readable without the lock.
    watches: RwLock<Vec<Arc<Watch>>>,
    watched: AtomicBool,
}

impl ScopeState {
    pub fn new(topic: Option<Topic>) -> Self {
        Self {
            number: NEXT_SCOPE.fetch_add(1, Ordering::Relaxed),
            changes: AtomicU64::new(0),
            listed: AtomicBool::new(topic.is_some()),
            topic,
            counts: AtomicU64::new(0),
            pending: Mutex::default(),
            waiting: AtomicUsize::new(0),
            lists: Mutex::default(),
            is_queued: AtomicBool::new(false),
            ranked: AtomicU32::new(0),
            rank_is_stale: AtomicBool::new(false),
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

    /// Records a change of one user, under the lock of the user's shard. Returns the online counts
    /// before and after if the counts changed.
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
        self.changes.fetch_add(1, Ordering::Release);
        change
    }

    /// The present revision. What is read after it was taken may be newer, but not older.
    pub fn revision(&self) -> Revision {
        Revision { scope: self.number, changes: self.changes.load(Ordering::Acquire) }
    }

    /// Marks the topic for re-ranking; returns whether it was not marked yet.
    pub(crate) fn is_first_change(&self) -> bool {
        !self.rank_is_stale.load(Ordering::Acquire) && !self.rank_is_stale.swap(true, Ordering::AcqRel)
    }

    /// The count by which the topic was ranked, and the one by which it is ranked from now on.
    pub(crate) fn rank(&self) -> (u32, u32) {
        // Cleared before the counts are read, so that a later change marks the topic again.
        self.rank_is_stale.swap(false, Ordering::AcqRel);
        let online = self.counts().online;
        (self.ranked.swap(online, Ordering::Relaxed), online)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.pending.lock().len()
    }

    /// Calls `read` with the up-to-date lists.
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

    /// Applies a slice of the pending changes; returns their number. It is zero while a reader
    /// holds the lists, since readers apply all changes.
    pub(super) fn sort(&self) -> usize {
        let Some(mut lists) = self.lists.try_lock() else { return 0 };
        if lists.backlog.len() == 0 {
            lists.backlog = self.take().into_iter();
        }
        let steps: Vec<Change> = lists.backlog.by_ref().take(SLICE).collect();
        let sorted = steps.len();
        lists.sorted.apply(steps);
        sorted
    }

    /// Starts keeping lists; returns whether they were already kept. If not, the caller must add
    /// the users who are present.
    pub(crate) fn start_listing(&self) -> bool {
        self.listed.swap(true, Ordering::AcqRel)
    }

    /// Adds a user who was present before the lists were kept, under the lock of the user's shard.
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
