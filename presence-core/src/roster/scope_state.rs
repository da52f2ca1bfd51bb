//! What is kept of everyone, and of each topic: counts, the sorted users, and who watches.

use super::diff::LeftReason;
use super::member::Counts;
use super::watch::Watch;
use crate::liveness::Liveness;
use crate::model::{Topic, UserId};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// From how many pending changes on whoever makes the next one sorts them in: this bounds what an unread scope keeps.
const PENDING: usize = 1_024;

/// The users of a scope, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The active ones.
    pub active: BTreeSet<UserId>,
    /// The idle ones.
    pub idle: BTreeSet<UserId>,
}

impl Sorted {
    fn list(&mut self, liveness: Liveness) -> Option<&mut BTreeSet<UserId>> {
        match liveness {
            Liveness::Gone => None,
            Liveness::Idle => Some(&mut self.idle),
            Liveness::Active => Some(&mut self.active),
        }
    }

    fn apply(&mut self, change: Change) {
        if let Some(list) = self.list(change.from) {
            list.remove(&change.user);
        }
        if let Some(list) = self.list(change.to) {
            list.insert(change.user);
        }
    }
}

/// One user's step in a scope.
pub(super) struct Change {
    pub user: UserId,
    pub from: Liveness,
    pub to: Liveness,
}

/// Why a user is gone whose sessions still live: they have moved on, or are hidden.
pub(super) fn left(from: Liveness, to: Liveness) -> Option<LeftReason> {
    (from.is_live() && !to.is_live()).then_some(LeftReason::Left)
}

/// One scope: everyone, or one topic.
pub(crate) struct ScopeState {
    /// `None` for everyone.
    topic: Option<Topic>,
    /// Online in the upper half, active in the lower: one load sees both of one moment. Changed only under the lock
    /// of the user's shard, on transitions; a user is subtracted only after being added, so neither half underflows.
    counts: AtomicU64,
    /// Steps not yet sorted in, in the order in which they happened to each user. A leaf among the locks: pushing
    /// here is all that a transition does to the lists, so a long read of them never holds up a beat.
    pending: Mutex<Vec<Change>>,
    /// How many are pending, for whoever asks without the lock.
    waiting: AtomicUsize,
    sorted: Mutex<Sorted>,
    /// Whether the lists are kept at all. Topics always keep theirs; everyone's start with the first reader.
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
            sorted: Mutex::default(),
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
    pub(super) fn step(&self, user: &UserId, from: Liveness, to: Liveness, reason: Option<LeftReason>) {
        if from != to {
            let weight = |liveness| match liveness {
                Liveness::Gone => 0_u64,
                Liveness::Idle => 1 << 32,
                Liveness::Active => (1 << 32) + 1,
            };
            self.counts.fetch_add(weight(to).wrapping_sub(weight(from)), Ordering::Relaxed);
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
    }

    /// Whether somebody should sort in what is pending. To be asked outside the shard's lock.
    pub(super) fn is_overdue(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > PENDING
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.pending.lock().len()
    }

    /// Reads the lists as they are now.
    pub fn read<T>(&self, read: impl FnOnce(&Sorted) -> T) -> T {
        let mut sorted = self.sorted.lock();
        let pending = {
            let mut pending = self.pending.lock();
            self.waiting.store(0, Ordering::Relaxed);
            std::mem::take(&mut *pending)
        };
        for change in pending {
            sorted.apply(change);
        }
        read(&sorted)
    }

    /// Sorts in what is pending.
    pub(super) fn sort(&self) {
        self.read(|_| ());
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }

    /// Keeps lists from now on; answers whether it did already. What is here already must then be stepped in.
    pub(super) fn start_listing(&self) -> bool {
        self.listed.swap(true, Ordering::AcqRel)
    }

    /// Enters a user who was here before the lists were kept. To be called under the lock of the user's shard.
    pub(super) fn enter(&self, user: &UserId, liveness: Liveness) {
        let mut pending = self.pending.lock();
        pending.push(Change { user: user.clone(), from: Liveness::Gone, to: liveness });
        self.waiting.store(pending.len(), Ordering::Relaxed);
    }

    pub(super) fn attach(&self, watch: Arc<Watch>) {
        let mut watches = self.watches.write();
        watches.push(watch);
        self.watched.store(true, Ordering::Release);
    }

    pub(super) fn detach(&self, watch: &Arc<Watch>) {
        let mut watches = self.watches.write();
        watches.retain(|other| !Arc::ptr_eq(other, watch));
        self.watched.store(!watches.is_empty(), Ordering::Release);
    }
}
