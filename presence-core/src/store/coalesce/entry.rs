//! The entries that a lane batches: sessions to put, and touches.

use crate::model::{Session, SessionId, UserId};
use crate::store::batch::OVERHEAD;
use crate::store::{BATCH_BYTES, BATCH_ENTRIES, Misses, PresenceStore, Result, Touch};
use async_trait::async_trait;

/// One entry of a batch.
#[async_trait]
pub(super) trait Entry: Clone + Send + Sync + 'static {
    /// Estimated bytes on the way to a store.
    fn bytes(&self) -> usize;

    /// The session of the entry, if the store may report it as missing.
    fn may_miss(&self) -> Option<(&UserId, &SessionId)>;

    /// Sends a batch to the store.
    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses>;
}

#[async_trait]
impl Entry for Session {
    fn bytes(&self) -> usize {
        self.weight()
    }

    fn may_miss(&self) -> Option<(&UserId, &SessionId)> {
        None
    }

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses> {
        store.put(batch).await.map(|()| Misses::new())
    }
}

#[async_trait]
impl Entry for Touch {
    fn bytes(&self) -> usize {
        match self {
            Self::Session { user, id, .. } => user.as_str().len() + id.as_str().len() + OVERHEAD,
            Self::Node { node, .. } => node.as_str().len() + OVERHEAD,
        }
    }

    fn may_miss(&self) -> Option<(&UserId, &SessionId)> {
        match self {
            Self::Session { user, id, .. } => Some((user, id)),
            Self::Node { .. } => None,
        }
    }

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Misses> {
        store.touch(batch).await
    }
}

/// The longest prefix within the limits of a batch, at least one entry: its length and its bytes.
pub(super) fn first_batch<T: Entry>(entries: &[T]) -> (usize, usize) {
    let (mut count, mut total) = (0, 0);
    for bytes in entries.iter().take(BATCH_ENTRIES).map(Entry::bytes) {
        if count > 0 && total + bytes > BATCH_BYTES {
            break;
        }
        (count, total) = (count + 1, total + bytes);
    }
    (count, total)
}
