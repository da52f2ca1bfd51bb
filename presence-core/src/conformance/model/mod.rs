//! The simplest correct store, whose every misfortune can be ordered.

mod faults;
mod feed;
mod reference;
mod state;

pub use faults::{Call, Fault, Faults};
pub use reference::Reference;

use crate::model::{Session, UserId};
use crate::store::{Facts, Feed, Misses, PresenceStore, Result, Seen, Touch};
use crate::time::{Clock, Timestamp};
use async_trait::async_trait;
use faults::Plan;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use state::{Shard, State, shard_of};
use std::sync::Arc;
use tokio::sync::watch;

/// A store in memory, as simple as can be: for tests of whatever uses a store.
///
/// Clones share the state, and every watch hears all of them. Nothing waits but on the clock that it was given: with a
/// [`ManualClock`](crate::ManualClock) a test decides all that happens. [`faults`](Self::faults) make it fail in every
/// way that the contract knows of.
#[derive(Debug, Clone)]
pub struct ReferenceStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Counts up whenever a reader should look again.
    news: watch::Sender<u64>,
}

/// How often the store was called, and with how many entries, failed calls included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls of `put`.
    pub puts: u64,
    /// Sessions in them.
    pub put_entries: u64,
    /// Calls of `touch`.
    pub touches: u64,
    /// Sessions and nodes in them.
    pub touch_entries: u64,
    /// Calls of `forget`.
    pub forgets: u64,
    /// Sessions and nodes in them.
    pub forget_entries: u64,
    /// Calls of `load`.
    pub loads: u64,
    /// Calls of `watch`.
    pub watches: u64,
}

impl Inner {
    fn tell(&self) {
        self.news.send_modify(|n| *n += 1);
    }

    /// The store's own time.
    fn now(&self, state: &State) -> Timestamp {
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add_signed(state.plan.ahead_millis))
    }
}

impl ReferenceStore {
    /// An empty store of one shard, with this clock for its own.
    pub fn new(clock: impl Clock) -> Self {
        Self::with_shards(clock, 1)
    }

    /// An empty store of `shards` shards (at least one).
    pub fn with_shards(clock: impl Clock, shards: u16) -> Self {
        let shards = (0..shards.max(1)).map(|_| Shard::new()).collect();
        let state = State { shards, plan: Plan::default(), calls: Calls::default() };
        Self(Arc::new(Inner {
            clock: Arc::new(clock),
            state: Mutex::new(state),
            news: watch::Sender::new(0),
        }))
    }

    /// What can go wrong with it.
    pub fn faults(&self) -> Faults {
        Faults(Arc::clone(&self.0))
    }

    /// How often it was called so far.
    pub fn calls(&self) -> Calls {
        self.0.state.lock().calls
    }

    /// All that it holds, whatever is wrong with it.
    pub fn contents(&self) -> Reference {
        let mut all = Reference::default();
        for shard in &self.0.state.lock().shards {
            all.apply(&Feed::Facts(Arc::new(shard.facts.all())));
        }
        all
    }

    /// One call: faults before, work under the lock, faults after.
    async fn call<T>(&self, call: Call, work: impl FnOnce(&mut State) -> T + Send) -> Result<T>
    where
        T: Send,
    {
        let before = self.0.state.lock().plan.before(call);
        before.take().await?;
        let (done, after) = {
            let mut state = self.0.state.lock();
            let done = work(&mut state);
            (done, state.plan.after(call))
        };
        self.0.tell();
        after.take().await?;
        Ok(done)
    }

    fn count(&self, count: impl FnOnce(&mut Calls)) {
        count(&mut self.0.state.lock().calls);
    }
}

#[async_trait]
impl PresenceStore for ReferenceStore {
    fn shards(&self) -> u16 {
        self.0.state.lock().count()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        shard_of(user, self.shards())
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        if sessions.is_empty() {
            return Ok(());
        }
        self.count(|calls| tally(&mut calls.puts, &mut calls.put_entries, sessions));
        let now = self.0.clock.now();
        self.call(Call::Put, |state| state.put(now, sessions)).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        if touches.is_empty() {
            return Ok(Misses::new());
        }
        self.count(|calls| tally(&mut calls.touches, &mut calls.touch_entries, touches));
        let now = self.0.clock.now();
        self.call(Call::Touch, |state| state.touch(now, touches)).await
    }

    async fn forget(&self, seen: &[Seen]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        self.count(|calls| tally(&mut calls.forgets, &mut calls.forget_entries, seen));
        let now = self.0.clock.now();
        self.call(Call::Forget, |state| state.forget(now, seen)).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        if users.is_empty() {
            return Ok(Facts::default());
        }
        self.count(|calls| calls.loads += 1);
        self.call(Call::Load, |state| state.load(users)).await
    }

    fn watch(&self) -> BoxStream<'static, Feed> {
        self.count(|calls| calls.watches += 1);
        feed::of(Arc::clone(&self.0))
    }

    async fn now(&self) -> Result<Timestamp> {
        let inner = Arc::clone(&self.0);
        self.call(Call::Now, move |state| inner.now(state)).await
    }
}

fn tally<T>(calls: &mut u64, entries: &mut u64, batch: &[T]) {
    *calls += 1;
    *entries += batch.len() as u64;
}

#[cfg(test)]
mod tests;
