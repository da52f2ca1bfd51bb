//! The entries that a lane batches: sessions to put, and touches.

use crate::model::{Session, SessionKey};
use crate::store::batch::Weigh;
use crate::store::{Misses, PresenceStore, Result, Touch};
use async_trait::async_trait;

/// One entry of a batch.
#[async_trait]
pub(super) trait Entry: Weigh + Clone + Send + Sync + 'static {
    /// The session of the entry, if the store may report it as missing.
    fn may_miss(&self) -> Option<SessionKey>;

    /// Sends a batch to the store.
    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses>;
}

#[async_trait]
impl Entry for Session {
    fn may_miss(&self) -> Option<SessionKey> {
        None
    }

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses> {
        store.put(batch).await.map(|()| Misses::new())
    }
}

#[async_trait]
impl Entry for Touch {
    fn may_miss(&self) -> Option<SessionKey> {
        self.key()
    }

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses> {
        store.touch(batch).await
    }
}
