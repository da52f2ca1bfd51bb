//! What travels in a lane.

use crate::model::{Session, SessionId, UserId};
use crate::store::batch::OVERHEAD;
use crate::store::{BATCH_BYTES, BATCH_ENTRIES, Misses, PresenceStore, Result, Touch};
use async_trait::async_trait;

/// One entry of a batch.
#[async_trait]
pub(super) trait Entry: Clone + Send + Sync + 'static {
    /// About how many bytes it takes on the way to a store.
    fn bytes(&self) -> usize;

    /// Which session it is about, if the store may answer that it misses it.
    fn may_miss(&self) -> Option<(&UserId, &SessionId)>;

    /// Tells a store.
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

/// The longest beginning of a list that keeps the bounds of a batch, and its bytes; never less than
/// one entry.
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
