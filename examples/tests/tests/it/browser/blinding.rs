//! A store in memory whose processes can be made blind.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use presence_core::store::{
    Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Session, Touch, UserRecord,
};
use presence_core::{Timestamp, UserId};
use presence_memory::MemoryStore;
use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store that accepts all writes; while it is blind, its feed delivers nothing.
#[derive(Clone, Default)]
pub struct Blinding {
    store: MemoryStore,
    is_blind: Arc<AtomicBool>,
}

impl Blinding {
    pub fn blind(&self, is_blind: bool) {
        self.is_blind.store(is_blind, Ordering::SeqCst);
    }
}

#[async_trait]
impl PresenceStore for Blinding {
    fn shards(&self) -> u16 {
        self.store.shards()
    }
    fn shard_of(&self, user: &UserId) -> u16 {
        self.store.shard_of(user)
    }
    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.store.put(sessions).await
    }
    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        self.store.touch(touches).await
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
        let is_blind = Arc::clone(&self.is_blind);
        let speaks = move |_: &FeedEvent| future::ready(!is_blind.load(Ordering::SeqCst));
        self.store.watch().filter(speaks).boxed()
    }
    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }
}
