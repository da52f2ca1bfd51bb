//! A store that reads at once and answers when it is let.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use presence_core::store::{
    Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Session, Touch, UserRecord,
};
use presence_core::testing::conformance::ReferenceStore;
use presence_core::{Timestamp, UserId};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Gated {
    store: ReferenceStore,
    answers: Arc<Semaphore>,
}

impl Gated {
    /// One that answers at once.
    pub fn new(store: ReferenceStore) -> Self {
        Self { store, answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)) }
    }

    /// From now on, loads are read and not answered.
    pub fn hold(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets waiting and later calls return.
    pub fn answer(&self) {
        self.answers.add_permits(Semaphore::MAX_PERMITS);
    }
}

#[async_trait]
impl PresenceStore for Gated {
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
        let read = self.store.load(users).await;
        let _answers = self.answers.acquire().await;
        read
    }
    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        self.store.watch()
    }
    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }
}
