//! A clock that costs what the system's clock costs, and jumps when it is told to.

use async_trait::async_trait;
use presence_core::{Clock, SystemClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The system's clock, moved ahead. Who sleeps by it sleeps for ever, so that what is measured is
/// what is called.
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

/// The same, for a server: who sleeps by it wakes, a jump that comes meanwhile left aside.
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
}
