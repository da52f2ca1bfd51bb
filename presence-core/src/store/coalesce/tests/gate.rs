//! A store whose calls wait.

use crate::conformance::ReferenceStore;
use crate::model::{Session, UserId};
use crate::store::{Facts, Misses, PresenceStore, Result, Touch};
use crate::time::ManualClock;
use async_trait::async_trait;
use tokio::sync::Semaphore;

/// A store whose calls wait for a permit each, and panic for one user.
pub struct Gate {
    pub inner: ReferenceStore,
    pub permits: Semaphore,
    pub panics_at: Option<UserId>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            inner: ReferenceStore::new(ManualClock::default()),
            permits: Semaphore::new(0),
            panics_at: None,
        }
    }
}

#[async_trait]
impl PresenceStore for Gate {
    crate::delegate_store!(@but_put_touch_and_load |gate| gate.inner);

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        assert!(
            sessions.iter().all(|session| Some(&session.user) != self.panics_at.as_ref()),
            "a panic for this user, as requested"
        );
        self.permits.acquire().await.unwrap().forget();
        self.inner.put(sessions).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        self.permits.acquire().await.unwrap().forget();
        self.inner.touch(touches).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.permits.acquire().await.unwrap().forget();
        self.inner.load(users).await
    }
}
