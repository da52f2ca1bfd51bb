//! Bounded reads: what was asked for lately stays here, whatever else the store holds.
//!
//! A node that must not hold everybody asks the store ([`PresenceStore::load`]) for whom it does
//! not know, and keeps the answer in a cache of so many bytes. The store's watch keeps what is
//! cached right, and puts nothing into it.
//!
//! | file | its one thing |
//! |---|---|
//! | `cache` | the sessions that are kept, and what of them leaves when there is no room (W-TinyLFU, by bytes) |
//! | `flights` | one load for all who wait for a user, and what the watch tells meanwhile |
//! | `follow` | the watch: what is cached is brought up to date, or dropped |
//! | `view` | the store's time, and whether the node can see |
//! | `counters` | hits, misses, and what came and went |
//!
//! # What holds
//! - A cached session is never older than what the watch has told, in whatever order a load, a
//!   watch and a write meet: all of them *merge*.
//! - Nobody is cached who has lapsed, left, or is unknown.
//! - An error is an error: of somebody who is not cached, a node that is cut off says that it does
//!   not know.
//! - What was cached before the watch broke is dropped when the next one has told everything,
//!   unless it told of it.

mod cache;
mod counters;
mod flights;
mod follow;
mod view;

pub use counters::Counted;

use crate::Shown;
use crate::status::is_current;
use cache::Cache;
use counters::Counters;
use flights::Flights;
use presence_core::store::{self, PresenceStore};
use presence_core::{Clock, Session, Timestamp, UserId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use view::Sight;

/// How long the store may take to answer. It has bounds of its own, of about a second for each
/// exchange with its server; this is for the sum of them, of which a batch on a busy machine may
/// need a few.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many bytes the cached sessions may take, about. Default 1,000,000, some 1,500 users.
    pub bytes: u64,
    /// For how many users the cache counts how often they are asked for. Default 100,000.
    ///
    /// Ten times as many as fit is plenty. The counters adapt by themselves; this is where they
    /// start.
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
    /// What the log was last told of the sight.
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
    /// Reads from this store, and follows its watch.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(store: Arc<dyn PresenceStore>, clock: Arc<dyn Clock>, bounds: Bounds) -> Self {
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
        let follows = Arc::new(AbortOnDrop(tokio::spawn(follow::run(Arc::clone(&inner)))));
        Self { inner, _follows: follows }
    }

    /// The current status of users, in request order; `None` for who has none.
    ///
    /// # Errors
    /// [`store::Error`] when the store was asked and did not answer: then it is not known of
    /// everybody.
    pub async fn read(&self, users: &[UserId]) -> Result<Vec<Option<Arc<Shown>>>, Arc<store::Error>> {
        let inner = &self.inner;
        let mut found: Vec<Option<Arc<Shown>>> = Vec::with_capacity(users.len());
        let mut missed = Vec::new();
        // One reading of the clock does for all of them.
        let on = inner.clock.now();
        for user in users {
            let cached = inner.cached(user, on).await;
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

    /// What the store holds of users, current or not, without a look into the cache.
    ///
    /// For whoever is about to write: a write must be newer than what it replaces.
    ///
    /// # Errors
    /// [`store::Error`] when the store does not answer.
    pub async fn held(&self, users: &[UserId]) -> store::Result<HashMap<UserId, Session>> {
        flights::load(&*self.inner.store, users).await
    }

    /// Takes over what the store has just been told, and has confirmed; answers how it is shown.
    pub async fn learn(&self, session: Session) -> Arc<Shown> {
        self.inner.flights.tell(&session);
        let shown = Arc::new(Shown::new(session));
        self.inner.keep(&shown).await;
        shown
    }

    /// Forgets what is cached of users of whom it is not known what the store has taken.
    pub async fn doubt(&self, sessions: &[Session]) {
        for session in sessions {
            self.inner.cache.drop(&session.user).await;
        }
    }

    /// The time at the store that holds a user, by which what is written is stamped. Asks, where it
    /// is not known yet.
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

    /// Whether what is cached may be out of date.
    pub fn is_stale(&self) -> bool {
        self.inner.is_stale()
    }

    /// What was found here, and what was not.
    pub async fn counted(&self) -> Counted {
        self.inner.cache.settle().await;
        self.inner.counters.counted()
    }
}

/// An answer of the store, or that there was none in time.
pub(crate) async fn in_time<T>(answer: impl Future<Output = store::Result<T>>) -> store::Result<T> {
    let answered = tokio::time::timeout(PATIENCE, answer).await;
    answered.unwrap_or_else(|_| Err(store::Error::new(store::Kind::Timeout, "no answer in time")))
}

impl Inner {
    fn is_stale(&self) -> bool {
        self.sight.is_stale(self.clock.now())
    }

    /// Tells the log, once, when the node loses sight of the store, and when it can see again.
    fn say_sight(&self) {
        let is_stale = self.is_stale();
        match (self.was_stale.swap(is_stale, Ordering::Relaxed), is_stale) {
            (false, true) => tracing::warn!("the store cannot be seen: what is cached may be out of date"),
            (true, false) => tracing::info!("the store can be seen"),
            _ => {}
        }
    }

    /// For whoever reads: before the first proof by the process's own clock.
    fn now(&self, user: &UserId) -> Timestamp {
        self.now_by(user, self.clock.now())
    }

    /// The same, where the process's clock says this.
    fn now_by(&self, user: &UserId, on: Timestamp) -> Timestamp {
        self.sight.reckon(self.store.shard_of(user), on).unwrap_or(on)
    }

    async fn cached(&self, user: &UserId, on: Timestamp) -> Option<Arc<Shown>> {
        let shown = self.cache.get(user).await?;
        if is_current(shown.session(), self.now_by(user, on)) {
            return Some(shown);
        }
        // It has lapsed. Whether it has been set anew meanwhile the store knows.
        self.cache.drop(user).await;
        None
    }

    /// Puts into the cache what is current, merged with what is there.
    async fn keep(&self, shown: &Arc<Shown>) {
        let now = self.now(&shown.session().user);
        self.cache.merge(shown, true, now).await;
    }

    /// Brings up to date what is cached, if it is: the watch tells of everybody, and nearly nobody
    /// is.
    async fn refresh(&self, session: &Session) {
        if self.cache.has(&session.user) {
            let now = self.now(&session.user);
            self.cache.merge(&Arc::new(Shown::new(session.clone())), false, now).await;
        }
    }
}
