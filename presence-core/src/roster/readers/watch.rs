//! A scope that somebody watches: what its readers have been told, and how it changed.

use crate::model::UserId;
use crate::roster::readers::diff::{Diff, LeftReason, Snapshot, Version, session_events};
use crate::roster::readers::member::{Counts, Member};
use crate::roster::readers::scope::Scope;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// How many diffs, and how many entries in them together, are kept for readers who lag or come
/// back. Who is further behind gets a snapshot.
const LOG_DIFFS: usize = 256;
const LOG_ENTRIES: usize = 16_384;

/// How much of a scope a watch follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Only how many there are.
    Counts,
    /// Users.
    Members,
    /// Users with their sessions.
    Sessions,
}

/// Watches that have something to tell, and whoever is to be called when the first one has.
#[derive(Default)]
pub(crate) struct Dirty {
    watches: Mutex<Vec<Arc<Watch>>>,
    signal: std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Dirty {
    pub fn on_first(&self, signal: impl Fn() + Send + Sync + 'static) {
        // Set once, when the tasks of the one `Presence` of this roster start.
        let _ = self.signal.set(Box::new(signal));
    }

    pub fn take(&self) -> Vec<Arc<Watch>> {
        std::mem::take(&mut self.watches.lock())
    }
}

/// One watched scope, shared by all its readers: nothing is kept per reader but a number and a
/// waker.
pub(crate) struct Watch {
    pub scope: Scope,
    pub detail: Detail,
    dirty: Arc<Dirty>,
    /// Whether it stands in the list of dirty ones.
    marked: AtomicBool,
    /// Whose state may have changed since the last flush, with the reason in case they went.
    /// Bounded by the users.
    pending: Mutex<HashMap<UserId, LeftReason, foldhash::fast::RandomState>>,
    published: Mutex<Published>,
    /// The readers; at zero the roster drops the watch after a while.
    pub readers: AtomicUsize,
}

/// What readers have been told so far.
struct Published {
    members: BTreeMap<UserId, Arc<Member>>,
    counts: Counts,
    version: Version,
    /// The version from which on `log` is complete.
    logged_from: u64,
    log: VecDeque<Arc<Diff>>,
    logged: usize,
    /// Made for the first reader that needs it, and shared until the next change.
    snapshot: Option<Arc<Snapshot>>,
    wakers: HashMap<u64, Waker, foldhash::fast::RandomState>,
    ended: bool,
}

/// What a reader is given next.
#[derive(Debug, Clone)]
pub enum Update {
    /// The whole state: first, and again when the reader was too slow for diffs.
    Snapshot(Arc<Snapshot>),
    /// What changed since the update before.
    Diff(Arc<Diff>),
}

impl Watch {
    pub fn new(scope: Scope, detail: Detail, dirty: Arc<Dirty>, version: Version) -> Self {
        let published = Published {
            members: BTreeMap::new(),
            counts: Counts::default(),
            version,
            logged_from: version.n,
            log: VecDeque::new(),
            logged: 0,
            snapshot: None,
            wakers: HashMap::default(),
            ended: false,
        };
        Self {
            scope,
            detail,
            dirty,
            marked: AtomicBool::new(false),
            pending: Mutex::default(),
            published: Mutex::new(published),
            readers: AtomicUsize::new(0),
        }
    }

    /// Notes that a user may show otherwise than before, and why, if anything of theirs went. A
    /// leaf among the locks; called under the shard's.
    pub fn mark(self: &Arc<Self>, user: &UserId, reason: Option<LeftReason>) {
        if self.detail != Detail::Counts {
            let mut pending = self.pending.lock();
            match reason {
                Some(reason) => drop(pending.insert(user.clone(), reason)),
                // Nothing went this time: what was noted before stands.
                None => drop(pending.entry(user.clone()).or_insert(LeftReason::Left)),
            }
        }
        if !self.marked.swap(true, Ordering::AcqRel) {
            let first = {
                let mut watches = self.dirty.watches.lock();
                watches.push(Arc::clone(self));
                watches.len() == 1
            };
            if first && let Some(signal) = self.dirty.signal.get() {
                signal();
            }
        }
    }

    /// Looks at all who may have changed, and tells the readers what did. `look` answers how a user
    /// shows now, `count` the scope's counts; both may take locks, but not this watch's.
    pub fn flush(
        &self,
        look: impl Fn(&UserId) -> Option<Member>,
        count: impl Fn() -> Counts,
        next_version: impl FnOnce() -> u64,
    ) {
        let mut published = self.published.lock();
        // Before `pending` is taken: who marks after this marks anew.
        self.marked.store(false, Ordering::Release);
        let pending = std::mem::take(&mut *self.pending.lock());
        let mut diff = Diff::between(published.version, published.version);
        let counts_before = published.counts;
        for (user, reason) in pending {
            published.compare(&user, look(&user), reason, &mut diff);
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
        let wakers = std::mem::take(&mut published.wakers);
        drop(published);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Forgets how the present state came about: it is what the first reader starts with.
    pub fn start_log(&self) {
        let mut published = self.published.lock();
        published.log.clear();
        (published.logged, published.logged_from) = (0, published.version.n);
    }

    /// Tells all readers that nothing more will come.
    pub fn end(&self) {
        let wakers = {
            let mut published = self.published.lock();
            published.ended = true;
            std::mem::take(&mut published.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// What comes after `at` for the reader `id`: `None` at the end.
    pub fn poll(
        &self,
        id: u64,
        at: Option<Version>,
        context: &Context<'_>,
    ) -> Poll<Option<(Update, Version)>> {
        let mut published = self.published.lock();
        if at == Some(published.version) {
            return published.wait(id, context).map(|()| None);
        }
        let update = match at.and_then(|at| published.since(at)) {
            Some(diff) => Update::Diff(diff),
            None => Update::Snapshot(published.snapshot()),
        };
        Poll::Ready(Some((update, published.version)))
    }

    /// The counts, once they differ from `last`: `None` at the end.
    pub fn poll_counts(&self, id: u64, last: Option<Counts>, context: &Context<'_>) -> Poll<Option<Counts>> {
        let mut published = self.published.lock();
        if last == Some(published.counts) {
            return published.wait(id, context).map(|()| None);
        }
        Poll::Ready(Some(published.counts))
    }

    pub fn counts(&self) -> Counts {
        self.published.lock().counts
    }

    /// The whole state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.lock().snapshot()
    }

    /// Forgets a reader's waker.
    pub fn leave(&self, id: u64) {
        self.published.lock().wakers.remove(&id);
        self.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Published {
    fn wait(&mut self, id: u64, context: &Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        self.wakers.insert(id, context.waker().clone());
        Poll::Pending
    }

    fn compare(&mut self, user: &UserId, now: Option<Member>, reason: LeftReason, diff: &mut Diff) {
        let before = self.members.get(user);
        if before.map(AsRef::as_ref) == now.as_ref() {
            return;
        }
        self.counts = self.counts.step(before.map(|m| m.liveness), now.as_ref().map(|m| m.liveness));
        session_events(user, before.map(AsRef::as_ref), now.as_ref(), reason, &mut diff.sessions);
        if let Some(member) = now.map(Arc::new) {
            let list = if before.is_some() { &mut diff.changed } else { &mut diff.joined };
            list.push(Arc::clone(&member));
            self.members.insert(user.clone(), member);
        } else {
            diff.left.push((user.clone(), reason));
            self.members.remove(user);
        }
        self.snapshot = None;
    }

    fn record(&mut self, diff: Diff) {
        self.snapshot = None;
        self.logged += diff.entries();
        self.log.push_back(Arc::new(diff));
        while self.log.len() > LOG_DIFFS || (self.logged > LOG_ENTRIES && !self.log.is_empty()) {
            if let Some(oldest) = self.log.pop_front() {
                self.logged -= oldest.entries();
                self.logged_from = oldest.to.n;
            }
        }
    }

    /// What changed since `at`, if the log still knows.
    fn since(&self, at: Version) -> Option<Arc<Diff>> {
        if at.incarnation != self.version.incarnation || at.n < self.logged_from || at.n > self.version.n {
            return None;
        }
        let newer = self.log.partition_point(|diff| diff.from.n < at.n);
        let diffs = self.log.range(newer..);
        match (diffs.len(), self.log.get(newer)) {
            (_, Some(first)) if first.from != at => None,
            (1, Some(only)) => Some(Arc::clone(only)),
            (0, _) => None,
            _ => Some(Arc::new(Diff::joined(diffs.map(AsRef::as_ref)))),
        }
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        let (version, members) = (self.version, &self.members);
        let make = || Arc::new(Snapshot { version, members: members.clone() });
        Arc::clone(self.snapshot.get_or_insert_with(make))
    }
}
