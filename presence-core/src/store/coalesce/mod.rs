//! Callers share batches: a store with a round trip serves hundreds of beats with one.

mod entry;
mod lane;

use super::{Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Touch};
use crate::model::{Session, UserId, UserRecord};
use crate::time::Timestamp;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use lane::Lane;
use std::sync::Arc;

/// How many batches of a lane are on their way at once.
pub const IN_FLIGHT: usize = 2;
/// How many entries of a lane may wait for a batch; callers beyond that wait for room.
pub const WAITING_ENTRIES: usize = 8 * 1024;

/// Any store, with `put` and `touch` of concurrent callers sent in shared batches.
///
/// There is no timer: a caller who is alone is sent alone and at once. While [`IN_FLIGHT`] batches
/// are on their way, whoever comes waits, and the next batch takes all who wait, up to
/// [`BATCH_ENTRIES`](super::BATCH_ENTRIES) entries and [`BATCH_BYTES`](super::BATCH_BYTES). At most
/// [`WAITING_ENTRIES`] wait in a lane; further callers wait for room, in order. The other methods
/// go straight through. Clones share the lanes.
///
/// `put` and `touch` have lanes of their own. What one caller does in turn keeps its order, because
/// the caller awaits each call; between callers there is no order, and none is needed (P2).
///
/// Each caller is answered with its own misses. An error speaks for the whole batch, so every
/// caller in it gets it.
///
/// # Cancellation
/// Batches are sent by tasks of the runtime that the first waiting caller runs on. Dropping a call
/// leaves its entries in the queue, as a timeout would (R1), and disturbs nobody else.
#[derive(Debug)]
pub struct Coalesce<S> {
    store: Arc<S>,
    puts: Arc<Lane<Session>>,
    touches: Arc<Lane<Touch>>,
}

impl<S: PresenceStore> Coalesce<S> {
    /// Wraps a store.
    pub fn new(store: S) -> Self {
        Self { store: Arc::new(store), puts: Arc::default(), touches: Arc::default() }
    }

    /// The store itself.
    pub fn inner(&self) -> &S {
        &self.store
    }
}

impl<S> Clone for Coalesce<S> {
    fn clone(&self) -> Self {
        let Self { store, puts, touches } = self;
        Self { store: Arc::clone(store), puts: Arc::clone(puts), touches: Arc::clone(touches) }
    }
}

#[async_trait]
impl<S: PresenceStore> PresenceStore for Coalesce<S> {
    fn shards(&self) -> u16 {
        self.store.shards()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        self.store.shard_of(user)
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.puts.tell(&self.store, sessions).await.map(drop)
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        self.touches.tell(&self.store, touches).await
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        self.store.remember(users).await
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        self.store.forget(seen).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.store.load(users).await
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        self.store.watch()
    }

    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }
}

#[cfg(test)]
mod tests;
