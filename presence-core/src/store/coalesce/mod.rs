//! `Coalesce`: lets concurrent callers of a store share batches, so that one round trip serves
//! hundreds of heartbeats.

mod entry;
mod lane;

use super::{Facts, Misses, PresenceStore, Result, Touch};
use crate::model::{Session, UserId};
use async_trait::async_trait;
use lane::Lane;
use std::fmt;
use std::sync::Arc;

/// Most batches of a lane in flight.
pub const IN_FLIGHT: usize = 2;
/// Most queued entries of a lane; further callers wait until there is room.
pub const WAITING_ENTRIES: usize = 8 * 1024;

/// Wraps a store so that `put` and `touch` of concurrent callers are sent in shared batches, and
/// with [`share_loads`](Self::share_loads) `load` as well.
///
/// There is no timer: the batch of a single caller is sent at once. While [`IN_FLIGHT`] batches are
/// in flight, further entries are queued. The next batch contains all queued entries, up to
/// [`BATCH_ENTRIES`](super::BATCH_ENTRIES) entries and [`BATCH_BYTES`](super::BATCH_BYTES). At most
/// [`WAITING_ENTRIES`] entries are queued in a lane; further callers wait until there is room, in
/// order. The other methods call the store directly. Clones share the lanes.
///
/// Each of these methods has its own lane. The calls of one caller keep their order, because
/// the caller awaits each of them. Calls of different callers have no order, and need none (P2).
///
/// Each caller gets its own misses and facts. An error concerns the whole batch, so every caller in
/// it gets a copy.
///
/// # Cancellation
/// Batches are sent by tasks on the runtime of the caller whose call starts them. Dropping a call
/// leaves its entries in the queue, as a timeout would (R1), and does not affect other callers.
pub struct Coalesce<S> {
    store: Arc<S>,
    puts: Arc<Lane<Session>>,
    touches: Arc<Lane<Touch>>,
    loads: Option<Arc<Lane<UserId>>>,
}

impl<S: PresenceStore> Coalesce<S> {
    /// Wraps a store.
    pub fn new(store: S) -> Self {
        Self { store: Arc::new(store), puts: Arc::default(), touches: Arc::default(), loads: None }
    }

    /// Lets concurrent callers of `load` share calls too: for a store with one server.
    ///
    /// A load is sent after it was called, so it returns everything that was stored before. On a
    /// store with several servers, one that does not answer would fail the loads of the others.
    #[must_use]
    pub fn share_loads(self) -> Self {
        Self { loads: Some(Arc::default()), ..self }
    }

    /// The wrapped store.
    pub fn inner(&self) -> &S {
        &self.store
    }
}

impl<S> Clone for Coalesce<S> {
    fn clone(&self) -> Self {
        let Self { store, puts, touches, loads } = self;
        let (store, puts) = (Arc::clone(store), Arc::clone(puts));
        Self { store, puts, touches: Arc::clone(touches), loads: loads.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for Coalesce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesce").field("store", &self.store).finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: PresenceStore> PresenceStore for Coalesce<S> {
    crate::delegate_store!(@but_put_touch_and_load |coalesce| *coalesce.store);

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.puts.send(&self.store, sessions).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        self.touches.send(&self.store, touches).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        match &self.loads {
            Some(loads) => loads.send(&self.store, users).await,
            None => self.store.load(users).await,
        }
    }
}

#[cfg(test)]
mod tests;
