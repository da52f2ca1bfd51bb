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

/// Wraps a store so that `put`, `touch` and `load` of concurrent callers are sent in shared
/// batches.
///
/// There is no timer: the batch of a single caller is sent at once. While [`IN_FLIGHT`] batches are
/// in flight, further entries are queued. The next batch contains all queued entries, up to
/// [`BATCH_ENTRIES`](super::BATCH_ENTRIES) entries and [`BATCH_BYTES`](super::BATCH_BYTES). At most
/// [`WAITING_ENTRIES`] entries are queued in a lane; further callers wait until there is room, in
/// order. The other methods call the store directly. Clones share the lanes.
///
/// Each of the three methods has its own lane. The calls of one caller keep their order, because
/// the caller awaits each of them. Calls of different callers have no order, and need none (P2). A
/// load is sent after it was called, so it returns everything that was stored before.
///
/// A store in the process ([`PresenceStore::touch_now`]) is called directly: there is no round trip
/// to share.
///
/// Each caller gets its own misses and facts. An error concerns the whole batch, so every caller in
/// it gets a copy.
///
/// # Cancellation
/// Batches are sent by tasks on the runtime of the caller whose call starts them. Dropping a call
/// leaves its entries in the queue, as a timeout would (R1), and does not affect other callers.
pub struct Coalesce<S> {
    store: Arc<S>,
    /// Whether the store is in this process, where a batch would save nothing.
    is_local: bool,
    puts: Arc<Lane<Session>>,
    touches: Arc<Lane<Touch>>,
    loads: Arc<Lane<UserId>>,
}

impl<S: PresenceStore> Coalesce<S> {
    /// Wraps a store.
    pub fn new(store: S) -> Self {
        // Only a store in the process answers at once.
        let is_local = store.touch_now(&[]).is_some();
        Self {
            store: Arc::new(store),
            is_local,
            puts: Arc::default(),
            touches: Arc::default(),
            loads: Arc::default(),
        }
    }

    /// The wrapped store.
    pub fn inner(&self) -> &S {
        &self.store
    }
}

impl<S> Clone for Coalesce<S> {
    fn clone(&self) -> Self {
        let Self { store, is_local, puts, touches, loads } = self;
        let (store, puts) = (Arc::clone(store), Arc::clone(puts));
        Self { store, is_local: *is_local, puts, touches: Arc::clone(touches), loads: Arc::clone(loads) }
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
        if self.is_local {
            return self.store.put(sessions).await;
        }
        self.puts.send(&self.store, sessions).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        if self.is_local {
            return self.store.touch(touches).await;
        }
        self.touches.send(&self.store, touches).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        if self.is_local {
            return self.store.load(users).await;
        }
        self.loads.send(&self.store, users).await
    }
}

#[cfg(test)]
mod tests;
