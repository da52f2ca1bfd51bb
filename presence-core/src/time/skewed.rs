//! `SkewedClock`: the system's clock, off by a fixed time.

use super::{Clock, SystemClock, Timestamp};
use async_trait::async_trait;
use std::time::Duration;

/// The system's clock, ahead of or behind the true time: for tests of processes whose clocks differ.
///
/// ```
/// use presence_core::{Clock, SystemClock};
/// use presence_core::testing::SkewedClock;
/// use std::time::Duration;
///
/// let before = SystemClock.now();
/// assert!(SkewedClock::ahead(Duration::from_secs(15)).now() >= before + Duration::from_secs(15));
/// assert!(SkewedClock::behind(Duration::from_secs(15)).now() < before);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SkewedClock {
    ahead: Duration,
    behind: Duration,
}

impl SkewedClock {
    /// A clock that is ahead by this time.
    pub const fn ahead(by: Duration) -> Self {
        Self { ahead: by, behind: Duration::ZERO }
    }

    /// A clock that is behind by this time.
    pub const fn behind(by: Duration) -> Self {
        Self { ahead: Duration::ZERO, behind: by }
    }
}

#[async_trait]
impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead - self.behind
    }

    async fn sleep_until(&self, at: Timestamp) {
        SystemClock.sleep_until(at + self.behind - self.ahead).await;
    }
}
