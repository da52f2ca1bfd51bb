//! `Watches`: the watches of the roster, one for each scope and detail that has readers.

use crate::model::UserId;
use crate::roster::Roster;
use crate::roster::readers::diff::{Snapshot, Version};
use crate::roster::readers::member::Counts;
use crate::roster::readers::scope::Scope;
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::readers::watch::{Detail, Watch};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a watch without readers is kept, for readers who reconnect.
const LINGER: Duration = Duration::from_mins(1);

/// With at least this many watches, those without readers are dropped at once.
const UNREAD: usize = 4_096;

/// All watches, one for each scope and detail.
#[derive(Default)]
pub(crate) struct Watches {
    ended: bool,
    by_scope: HashMap<(Scope, Detail), Watched, foldhash::fast::RandomState>,
    /// Number of watches with readers at the last cleanup. The next cleanup is due when there are
    /// twice as many watches, so that creating a watch takes constant time on average.
    read: usize,
}

#[cfg(test)]
impl Watches {
    pub fn len(&self) -> usize {
        self.by_scope.len()
    }
}

struct Watched {
    watch: Arc<Watch>,
    /// Set once the watch contains all users of the scope; readers that join earlier wait for this.
    filled: Arc<Filled>,
    /// When the last reader left.
    unread_since: Option<Timestamp>,
}

/// Set when a watch is filled: the state of the scope, which is kept while the scope is watched;
/// `None` for a set of users.
type Filled = OnceLock<Option<Arc<ScopeState>>>;

impl Roster {
    /// Calls `signal` whenever there are unpublished changes: [`Roster::publish`] should
    /// then be called.
    pub fn on_change(&self, signal: impl Fn() + Send + Sync + 'static) {
        self.dirty.signal.set(signal);
    }

    /// Publishes all changes to readers.
    pub fn publish(&self) {
        for watch in self.dirty.take() {
            self.flush(&watch);
        }
    }

    fn flush(&self, watch: &Watch) {
        let with_sessions = watch.detail == Detail::Sessions;
        watch.flush(
            |user| self.member(user, &watch.scope, with_sessions),
            || self.count(&watch.scope),
            || self.next_version(),
        );
    }

    fn count(&self, scope: &Scope) -> Counts {
        self.scope(scope).map(|state| state.counts()).unwrap_or_default()
    }

    /// A new version, which no other watch has. So a reader with a version of an earlier watch of
    /// the same scope is not considered up to date.
    fn version(&self) -> Version {
        Version { incarnation: self.incarnation, n: self.next_version() }
    }

    /// Adds a reader to the watch of a scope. The first reader waits until the watch is filled.
    pub(crate) fn watch(&self, scope: &Scope, detail: Detail) -> Arc<Watch> {
        let (watch, filled) = self.join(scope, detail);
        // Filled outside the lock of all watches, since that takes a while. The watch is not
        // dropped meanwhile, because its new reader is already counted.
        filled.get_or_init(|| {
            let state = self.attach(&watch);
            self.fill(&watch);
            state
        });
        watch
    }

    /// Adds a reader to a watch, which is created if it does not exist.
    fn join(&self, scope: &Scope, detail: Detail) -> (Arc<Watch>, Arc<Filled>) {
        let mut watches = self.watches.lock();
        let ended = watches.ended;
        let key = (scope.clone(), detail);
        let is_new = !watches.by_scope.contains_key(&key);
        if is_new && watches.by_scope.len() >= UNREAD.max(watches.read.saturating_mul(2)) {
            // Limits the number of watches if clients open and close watches of ever new scopes.
            watches.by_scope.retain(|_, watched| {
                let keep = watched.watch.readers.load(Ordering::Acquire) > 0;
                if !keep {
                    self.detach(watched);
                }
                keep
            });
            watches.read = watches.by_scope.len();
        }
        let watched = watches.by_scope.entry(key).or_insert_with(|| {
            let dirty = Arc::clone(&self.dirty);
            let watch = Arc::new(Watch::new(scope.clone(), detail, dirty, self.version()));
            if ended {
                watch.end();
            }
            Watched { watch, filled: Arc::default(), unread_since: None }
        });
        watched.watch.readers.fetch_add(1, Ordering::AcqRel);
        watched.unread_since = None;
        (Arc::clone(&watched.watch), Arc::clone(&watched.filled))
    }

    /// The present state of a scope. The scope is watched for a minute from then on, in case it is
    /// read again.
    pub(crate) fn snapshot(&self, scope: &Scope, detail: Detail) -> Arc<Snapshot> {
        let watch = self.watch(scope, detail);
        self.flush(&watch);
        let snapshot = watch.snapshot();
        watch.readers.fetch_sub(1, Ordering::AcqRel);
        snapshot
    }

    fn attach(&self, watch: &Arc<Watch>) -> Option<Arc<ScopeState>> {
        let state = match &watch.scope {
            Scope::All => Arc::clone(&self.everyone),
            Scope::Topic(topic) => self.topics.of(topic),
            Scope::Users(users) => {
                for user in users.iter() {
                    let mut locked = self.shard_of(user).0.lock();
                    locked.watchers.entry(user.clone()).or_default().push(Arc::clone(watch));
                }
                return None;
            }
        };
        state.attach(Arc::clone(watch));
        Some(state)
    }

    fn detach(&self, watched: &Watched) {
        let watch = &watched.watch;
        if let Some(Some(state)) = watched.filled.get() {
            state.detach(watch);
        }
        if let Scope::Users(users) = &watch.scope {
            for user in users.iter() {
                let mut locked = self.shard_of(user).0.lock();
                if let Some(watchers) = locked.watchers.get_mut(user) {
                    watchers.retain(|other| !Arc::ptr_eq(other, watch));
                    if watchers.is_empty() {
                        locked.watchers.remove(user);
                    }
                }
            }
        }
    }

    /// Fills a new watch with all users of its scope. Users who change meanwhile are marked, and
    /// compared again by the next flush.
    fn fill(&self, watch: &Arc<Watch>) {
        let users: Vec<UserId> = match (&watch.scope, watch.detail) {
            (_, Detail::Counts) => Vec::new(),
            (Scope::Users(users), _) => users.iter().cloned().collect(),
            (scope, _) => {
                let all = |state: Arc<ScopeState>| {
                    self.read(&state, |sorted| sorted.active.iter().chain(&sorted.idle).cloned().collect())
                };
                self.scope(scope).map(all).unwrap_or_default()
            }
        };
        let with_sessions = watch.detail == Detail::Sessions;
        watch.fill(
            &users,
            |user| self.member(user, &watch.scope, with_sessions),
            || self.count(&watch.scope),
            || self.next_version(),
        );
    }

    /// Drops watches that had no reader for a minute.
    pub(crate) fn tidy_watches(&self, now: Timestamp) {
        let mut watches = self.watches.lock();
        let mut read = 0;
        watches.by_scope.retain(|_, watched| {
            if watched.watch.readers.load(Ordering::Acquire) > 0 {
                read += 1;
                watched.unread_since = None;
                return true;
            }
            let since = *watched.unread_since.get_or_insert(now);
            let keep = now.since(since) < LINGER;
            if !keep {
                self.detach(watched);
            }
            keep
        });
        watches.read = read;
        if watches.by_scope.capacity() > UNREAD && watches.by_scope.len() < watches.by_scope.capacity() / 8 {
            watches.by_scope.shrink_to_fit();
        }
    }

    /// Ends all watches, and those created from now on.
    pub fn end(&self) {
        let mut watches = self.watches.lock();
        watches.ended = true;
        watches.by_scope.values().for_each(|watched| watched.watch.end());
    }
}
