//! `Watch`: a watched scope. It collects changes, publishes them as diffs, and wakes the readers.

use crate::model::UserId;
use crate::roster::readers::diff::{Diff, LeftReason, Snapshot, Version};
use crate::roster::readers::member::{Counts, Member};
use crate::roster::readers::published::Published;
use crate::roster::readers::scope::Scope;
use crate::roster::signal::Signal;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// What a watch delivers of its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Only the counts.
    Counts,
    /// The users.
    Members,
    /// The users with their sessions.
    Sessions,
}

/// Watches with unpublished changes, and the signal to call when the first one is added.
#[derive(Default)]
pub(crate) struct Dirty {
    watches: Mutex<Vec<Arc<Watch>>>,
    pub signal: Signal,
}

impl Dirty {
    pub fn take(&self) -> Vec<Arc<Watch>> {
        std::mem::take(&mut self.watches.lock())
    }
}

/// One watched scope, shared by all its readers. Each reader adds only a number and a waker.
pub(crate) struct Watch {
    pub scope: Scope,
    pub detail: Detail,
    dirty: Arc<Dirty>,
    /// Whether the watch is in the list of those with unpublished changes.
    marked: AtomicBool,
    /// Users who may have changed since the last flush, with the reason in case they are gone.
    /// Limited by the number of users.
    pending: Mutex<HashMap<UserId, LeftReason, foldhash::fast::RandomState>>,
    state: Mutex<WatchState>,
    /// Number of readers. A watch without readers is dropped after a while.
    pub readers: AtomicUsize,
}

/// The data under the lock of a watch: the published state, and the readers that wait for a change.
struct WatchState {
    published: Published,
    wakers: HashMap<u64, Waker, foldhash::fast::RandomState>,
    ended: bool,
}

/// The next item of a subscription. Exhaustive on purpose: a reader must handle both.
#[derive(Debug, Clone)]
pub enum Update {
    /// The whole state. It is the first item, and also follows if the reader was too
    /// slow for diffs.
    Snapshot(Arc<Snapshot>),
    /// The changes since the previous item.
    Diff(Arc<Diff>),
}

impl Watch {
    pub fn new(scope: Scope, detail: Detail, dirty: Arc<Dirty>, version: Version) -> Self {
        let published = Published::new(version);
        let state = WatchState { published, wakers: HashMap::default(), ended: false };
        Self {
            scope,
            detail,
            dirty,
            marked: AtomicBool::new(false),
            pending: Mutex::default(),
            state: Mutex::new(state),
            readers: AtomicUsize::new(0),
        }
    }

    /// Marks a user as possibly changed, with the reason if the user or a session left. Called
    /// under the shard's lock; takes no other lock while it holds its own.
    pub fn mark(self: &Arc<Self>, user: &UserId, reason: Option<LeftReason>) {
        if self.detail != Detail::Counts {
            let mut pending = self.pending.lock();
            match reason {
                Some(reason) => drop(pending.insert(user.clone(), reason)),
                // Nobody left this time, so an earlier reason is kept.
                None => drop(pending.entry(user.clone()).or_insert(LeftReason::Left)),
            }
        }
        if !self.marked.swap(true, Ordering::AcqRel) {
            let first = {
                let mut watches = self.dirty.watches.lock();
                watches.push(Arc::clone(self));
                watches.len() == 1
            };
            if first {
                self.dirty.signal.call();
            }
        }
    }

    /// Compares all marked users with their published state, and publishes the differences as a
    /// diff. `member_of` returns the present state of a user, and `count` the scope's counts; both
    /// may take locks other than this watch's.
    pub fn flush(
        &self,
        member_of: impl Fn(&UserId) -> Option<Member>,
        count: impl Fn() -> Counts,
        next_version: impl FnOnce() -> u64,
    ) {
        let mut state = self.state.lock();
        let published = &mut state.published;
        // Cleared before `pending` is taken, so that a later mark adds the watch to the list again.
        self.marked.store(false, Ordering::Release);
        let pending = std::mem::take(&mut *self.pending.lock());
        let mut diff = Diff::between(published.version, published.version);
        let counts_before = published.counts;
        for (user, reason) in pending {
            published.compare(&user, member_of(&user), reason, &mut diff);
        }
        if self.detail == Detail::Counts {
            published.counts = count();
        }
        if diff.is_empty() && published.counts == counts_before {
            return;
        }
        published.version.n = next_version();
        diff.to = published.version;
        published.record(diff);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Publishes all of these users at once, as the first state that readers see. The arguments are
    /// those of [`flush`](Self::flush).
    pub fn fill(
        &self,
        users: &[UserId],
        member_of: impl Fn(&UserId) -> Option<Member>,
        count: impl Fn() -> Counts,
        next_version: impl FnOnce() -> u64,
    ) {
        let mut state = self.state.lock();
        let published = &mut state.published;
        users.iter().filter_map(member_of).for_each(|member| published.put(member));
        if self.detail == Detail::Counts {
            published.counts = count();
        }
        published.start_log(next_version());
    }

    /// Ends the watch: readers get nothing more.
    pub fn end(&self) {
        let wakers = {
            let mut state = self.state.lock();
            state.ended = true;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// The next item after version `at` for the reader `id`; `None` at the end.
    pub fn poll(
        &self,
        id: u64,
        at: Option<Version>,
        context: &Context<'_>,
    ) -> Poll<Option<(Update, Version)>> {
        let mut state = self.state.lock();
        if at == Some(state.published.version) {
            return state.wait(id, context).map(|()| None);
        }
        let published = &mut state.published;
        let update = match at.and_then(|at| published.since(at)) {
            Some(diff) => Update::Diff(diff),
            None => Update::Snapshot(published.snapshot()),
        };
        Poll::Ready(Some((update, published.version)))
    }

    /// The counts, once they differ from `last`; `None` at the end.
    pub fn poll_counts(&self, id: u64, last: Option<Counts>, context: &Context<'_>) -> Poll<Option<Counts>> {
        let mut state = self.state.lock();
        if last == Some(state.published.counts) {
            return state.wait(id, context).map(|()| None);
        }
        Poll::Ready(Some(state.published.counts))
    }

    pub fn counts(&self) -> Counts {
        self.state.lock().published.counts
    }

    /// The published state as a snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.state.lock().published.snapshot()
    }

    /// Removes the reader `id`.
    pub fn leave(&self, id: u64) {
        self.state.lock().wakers.remove(&id);
        self.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl WatchState {
    /// Registers the waker of a reader; ready if the watch has ended.
    fn wait(&mut self, id: u64, context: &Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        self.wakers.insert(id, context.waker().clone());
        Poll::Pending
    }
}
