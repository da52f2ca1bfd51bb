//! Reads through a cache of bounded size, for a node that must not hold all users.
//!
//! A user who is not cached is read from the store ([`PresenceStore::load`]) and then cached. The
//! store's watch updates cached entries, and never inserts any.
//!
//! | file | purpose |
//! |---|---|
//! | `cache` | the cached sessions, limited by bytes; users who are read again stay |
//! | `flights` | one load for all callers that wait for a user, merged with concurrent changes |
//! | `changes` | where changes come from: a watch of its own, or that of another reader |
//! | `follow` | the watch: updates or drops cached entries |
//! | `view` | the store's time, and whether the view is fresh |
//! | `counters` | statistics |
//!
//! # Guarantees
//! - A cached session is never older than what the watch has reported, in whatever order loads,
//!   watch events and writes arrive: all of them are merged.
//! - Sessions that have lapsed, left, or are unknown are not cached.
//! - An error is not "no status": a node that is cut off from the store returns an error for users
//!   who are not cached.
//! - Entries from before a broken watch are dropped once the next watch is complete, unless it has
//!   confirmed them.

mod cache;
mod changes;
mod counters;
mod flights;
mod follow;
mod view;

pub use changes::Changes;
pub use counters::Counted;

use crate::Shown;
use crate::status::is_current;
use cache::{Cache, IfAbsent};
use counters::Counters;
use flights::Flights;
use presence_core::store::{self, PresenceStore, Session};
use presence_core::{Clock, Timestamp, UserId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use view::Sight;

/// The time limit for the store. Each exchange with the server has a limit of about a second; this
/// one is for the sum of several exchanges, which a batch on a busy machine may need.
const PATIENCE: Duration = Duration::from_secs(5);

/// The limits of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The approximate maximum size of the cached sessions, in bytes. Default 1,000,000,
    /// some 1,500 users.
    pub bytes: u64,
    /// Ten times the number of users that the cache is laid out for. Default 100,000.
    ///
    /// Counted as in Ristretto, whose counters are ten for each cached user. This cache remembers
    /// half as many evicted users as it is laid out for, and more are cached if they fit.
    pub counters: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 1_000_000, counters: 100_000 }
    }
}

/// Reads users' statuses through a cache. Cheap to clone; the watch ends with the last clone.
#[derive(Clone)]
pub struct Lookaside {
    inner: Arc<Inner>,
    _follows: Arc<AbortOnDrop>,
}

struct Inner {
    store: Arc<dyn PresenceStore>,
    clock: Arc<dyn Clock>,
    cache: Cache,
    flights: Flights,
    sight: Sight,
    /// The state of the view that was logged last.
    was_stale: AtomicBool,
    counters: Arc<Counters>,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lookaside {
    /// Reads from this store, and follows its changes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        store: Arc<dyn PresenceStore>,
        changes: Changes,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Self {
        let counters = Arc::new(Counters::default());
        let inner = Arc::new(Inner {
            cache: Cache::new(bounds, Arc::clone(&counters)),
            flights: Flights::default(),
            sight: Sight::new(store.shards()),
            was_stale: AtomicBool::new(true),
            store,
            clock,
            counters,
        });
        let follows = Arc::new(AbortOnDrop(tokio::spawn(follow::run(Arc::clone(&inner), changes))));
        Self { inner, _follows: follows }
    }

    /// The current status of users, in request order; `None` for users without one.
    ///
    /// # Errors
    /// [`store::Error`] when the store had to be read and did not answer.
    pub async fn read(&self, users: &[UserId]) -> Result<Vec<Option<Arc<Shown>>>, Arc<store::Error>> {
        let inner = &self.inner;
        let mut found: Vec<Option<Arc<Shown>>> = Vec::with_capacity(users.len());
        let mut missed = Vec::new();
        // The clock is read once for all of them.
        let on = inner.clock.now();
        for user in users {
            let cached = inner.cached(user, on);
            if cached.is_none() {
                missed.push(user.clone());
            }
            found.push(cached);
        }
        inner.counters.read(users.len() - missed.len(), missed.len());
        if !missed.is_empty() {
            let loaded = inner.load(missed).await?;
            for (user, found) in users.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found =
                    loaded.get(user).filter(|shown| is_current(shown.session(), inner.now(user))).cloned();
            }
        }
        Ok(found)
    }

    /// The stored sessions of users, current or not, read without the cache.
    ///
    /// Read before a write, which must be newer than what it replaces.
    ///
    /// # Errors
    /// [`store::Error`] when the store does not answer.
    pub async fn held(&self, users: &[UserId]) -> store::Result<HashMap<UserId, Session>> {
        flights::load(&*self.inner.store, users).await
    }

    /// Merges a session that the store has confirmed into the cache. Returns its JSON form.
    pub fn learn(&self, session: Session) -> Arc<Shown> {
        self.inner.flights.record(&session);
        let shown = Arc::new(Shown::new(session));
        self.inner.keep(&shown);
        shown
    }

    /// Drops users from the cache after a write of unknown outcome.
    pub fn drop_uncertain(&self, sessions: &[Session]) {
        for session in sessions {
            self.inner.cache.drop(&session.user);
        }
    }

    /// The time at the store that holds a user, for stamps of writes. Asks the store if the time is
    /// not known yet.
    ///
    /// # Errors
    /// [`store::Error`] when it is not known and the store does not answer.
    pub async fn time(&self, user: &UserId) -> store::Result<Timestamp> {
        let inner = &self.inner;
        match inner.sight.reckon(inner.store.shard_of(user), inner.clock.now()) {
            Some(now) => Ok(now),
            None => in_time(inner.store.now()).await,
        }
    }

    /// Whether cached entries may be out of date.
    pub fn is_stale(&self) -> bool {
        self.inner.is_stale()
    }

    /// The statistics of the cache.
    pub fn counted(&self) -> Counted {
        self.inner.counters.counted()
    }
}

/// Applies the time limit to a call of the store.
pub(crate) async fn in_time<T>(answer: impl Future<Output = store::Result<T>>) -> store::Result<T> {
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    answered.unwrap_or_else(|_| Err(store::Error::new(store::Kind::Timeout, "no answer in time")))
}

impl Inner {
    fn is_stale(&self) -> bool {
        self.sight.is_stale(self.clock.now())
    }

    /// Logs when the view becomes stale, and when it is fresh again.
    fn log_view(&self) {
        let is_stale = self.is_stale();
        match (self.was_stale.swap(is_stale, Ordering::Relaxed), is_stale) {
            (false, true) => tracing::warn!("the store does not answer: cached statuses may be out of date"),
            (true, false) => tracing::info!("the store answers again: cached statuses are up to date"),
            _ => {}
        }
    }

    /// The store's time for reads; before the first proof, the time of the process's own clock.
    fn now(&self, user: &UserId) -> Timestamp {
        self.now_by(user, self.clock.now())
    }

    /// The same, for this time of the process's clock.
    fn now_by(&self, user: &UserId, on: Timestamp) -> Timestamp {
        self.sight.reckon(self.store.shard_of(user), on).unwrap_or(on)
    }

    fn cached(&self, user: &UserId, on: Timestamp) -> Option<Arc<Shown>> {
        let shown = self.cache.get(user)?;
        if is_current(shown.session(), self.now_by(user, on)) {
            return Some(shown);
        }
        // It has lapsed. The store may have a new one.
        self.cache.drop(user);
        None
    }

    /// Merges a current status into the cache.
    fn keep(&self, shown: &Arc<Shown>) {
        let now = self.now(&shown.session().user);
        self.cache.merge(shown, IfAbsent::Insert, now);
    }

    /// Updates a cached entry. The watch reports all users, of whom few are cached.
    fn refresh(&self, session: &Session) {
        let Some(cached) = self.cache.get(&session.user) else { return };
        // A write of this node is in the cache before the watch reports it.
        if cached.session() != session {
            let now = self.now(&session.user);
            self.cache.merge(&Arc::new(Shown::new(session.clone())), IfAbsent::Skip, now);
        }
    }
}
