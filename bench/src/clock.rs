//! A clock with the cost of the system's clock that can be advanced.

use async_trait::async_trait;
use presence_core::{Clock, SystemClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The system's clock plus an offset. Its sleeps never end, so that only the measured calls run.
#[derive(Debug, Clone, Default)]
pub struct Shifted(Arc<AtomicU64>);

impl Shifted {
    pub fn jump(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead()
    }

    async fn sleep_until(&self, _at: Timestamp) {
        std::future::pending::<()>().await;
    }
}

/// The same for a server: its sleeps end, though not earlier after an advance.
#[derive(Debug, Clone, Default)]
pub struct Waking(pub Shifted);

#[async_trait]
impl Clock for Waking {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }

    /// Advanced by half a minute at a time. Else each advance would count as a silence of the
    /// store, after which all sessions are checked.
    fn is_virtual(&self) -> bool {
        true
    }
}
