//! The reference store: the simplest correct store, with faults on demand.

mod faults;
mod feed;
mod link;
mod reference;
mod state;

pub use faults::{Call, Fault, Faults};
pub use reference::Reference;

use crate::model::{Session, UserId, UserRecord};
use crate::store::{Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Touch};
use crate::time::{Clock, Timestamp};
use async_trait::async_trait;
use faults::Plan;
use futures_util::stream::BoxStream;
use link::Handle;
use parking_lot::Mutex;
use state::{Shard, State, shard_of};
use std::sync::Arc;
use tokio::sync::watch;

/// A store in memory, as simple as possible, for tests of code that uses a store.
///
/// Clones share the state, and every watch delivers the changes of all of them. Each clone is a
/// separate handle, as another process would open it, with a link that can be cut
/// ([`cut_off`](Self::cut_off), [`stall`](Self::stall)). The store waits only on the given clock,
/// so that a test with a [`ManualClock`](crate::testing::ManualClock) controls everything.
/// [`faults`](Self::faults) make it fail in every way that the contract allows.
#[derive(Debug)]
pub struct ReferenceStore {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
}

impl Clone for ReferenceStore {
    /// Creates another handle on the same state.
    fn clone(&self) -> Self {
        Self::with_inner(Arc::clone(&self.inner))
    }
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Incremented when readers should check for events.
    news: watch::Sender<u64>,
}

/// Numbers of calls and of entries in them, failed calls included.
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
    /// Calls of `remember`.
    pub remembers: u64,
    /// Records in them.
    pub remember_entries: u64,
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
    fn notify(&self) {
        self.news.send_modify(|n| *n += 1);
    }
}

impl ReferenceStore {
    /// An empty store of one shard on this clock.
    pub fn new(clock: impl Clock) -> Self {
        Self::with_shards(clock, 1)
    }

    /// An empty store of `shards` shards (at least one).
    pub fn with_shards(clock: impl Clock, shards: u16) -> Self {
        let shards = (0..shards.max(1)).map(|_| Shard::new()).collect();
        let state = State { shards, plan: Plan::default(), calls: Calls::default() };
        Self::with_inner(Arc::new(Inner {
            clock: Arc::new(clock),
            state: Mutex::new(state),
            news: watch::Sender::new(0),
        }))
    }

    fn with_inner(inner: Arc<Inner>) -> Self {
        let shards = inner.state.lock().count();
        Self { inner, handle: Arc::new(Handle::new(shards)) }
    }

    /// The faults to inject.
    pub fn faults(&self) -> Faults {
        Faults(Arc::clone(&self.inner))
    }

    /// Numbers of calls so far.
    pub fn calls(&self) -> Calls {
        self.inner.state.lock().calls
    }

    /// Everything in the store, regardless of faults.
    pub fn contents(&self) -> Reference {
        let mut all = Reference::default();
        for shard in &self.inner.state.lock().shards {
            all.apply(&FeedEvent::Facts(Arc::new(shard.facts.all())));
        }
        all
    }

    /// Runs one call: the faults before it, its effect under the lock, and the faults after it.
    async fn call<T>(&self, call: Call, work: impl FnOnce(&mut State) -> Result<T> + Send) -> Result<T>
    where
        T: Send,
    {
        self.arrives().await?;
        let before = self.inner.state.lock().plan.before(call);
        before.take().await?;
        let (done, after) = {
            let mut state = self.inner.state.lock();
            let done = work(&mut state);
            (done, state.plan.after(call))
        };
        self.inner.notify();
        after.take().await?;
        self.arrives().await?;
        done
    }

    fn count(&self, count: impl FnOnce(&mut Calls)) {
        count(&mut self.inner.state.lock().calls);
    }
}

#[async_trait]
impl PresenceStore for ReferenceStore {
    fn shards(&self) -> u16 {
        self.inner.state.lock().count()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        shard_of(user, self.shards())
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        if sessions.is_empty() {
            return Ok(());
        }
        self.count(|calls| tally(&mut calls.puts, &mut calls.put_entries, sessions));
        let now = self.inner.clock.now();
        self.call(Call::Put, |state| state.put(now, sessions)).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        if touches.is_empty() {
            return Ok(Misses::new());
        }
        self.count(|calls| tally(&mut calls.touches, &mut calls.touch_entries, touches));
        let now = self.inner.clock.now();
        self.call(Call::Touch, |state| state.touch(now, touches)).await
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        self.count(|calls| tally(&mut calls.remembers, &mut calls.remember_entries, users));
        let now = self.inner.clock.now();
        self.call(Call::Remember, |state| state.remember(now, users)).await
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        self.count(|calls| tally(&mut calls.forgets, &mut calls.forget_entries, seen));
        let now = self.inner.clock.now();
        self.call(Call::Forget, |state| state.forget(now, seen)).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        if users.is_empty() {
            return Ok(Facts::default());
        }
        self.count(|calls| calls.loads += 1);
        self.call(Call::Load, |state| Ok(state.load(users))).await
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        self.count(|calls| calls.watches += 1);
        feed::of(Arc::clone(&self.inner), Arc::clone(&self.handle))
    }

    async fn now(&self) -> Result<Timestamp> {
        let on = self.inner.clock.now();
        let reckoned = self.handle.reckoning.now(on);
        self.call(Call::Now, move |state| Ok(state.now(reckoned, on))).await
    }
}

fn tally<T>(calls: &mut u64, entries: &mut u64, batch: &[T]) {
    *calls += 1;
    *entries += batch.len() as u64;
}

#[cfg(test)]
mod tests;
