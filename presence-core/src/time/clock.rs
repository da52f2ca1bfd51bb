//! Clocks of a process. Only this file reads the operating system's clock.

use super::Timestamp;
use async_trait::async_trait;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock of a process.
///
/// Timeouts and backoff of I/O use the runtime's timers instead. So a test can advance this clock
/// by hand while real sockets keep working.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now. It never goes back.
    fn now(&self) -> Timestamp;

    /// Returns once [`now`](Self::now) has reached `at`. Dropping the future cancels the wait.
    async fn sleep_until(&self, at: Timestamp);

    /// Returns at `at` or later: for periodic work that may run late.
    ///
    /// A [virtual](Self::is_virtual) clock does not stop at `at`. It returns at the next instant at
    /// which it stops for another reason, before anything else that is due then. Default:
    /// [`sleep_until`]. Dropping the future cancels the wait.
    ///
    /// [`sleep_until`]: Self::sleep_until
    async fn sleep_past(&self, at: Timestamp) {
        self.sleep_until(at).await;
    }

    /// Whether this is virtual time, which passes only when a test advances it. Default: no.
    ///
    /// No process misses anything while virtual time is skipped. So a store on such a clock does
    /// not count skipped time as blind if one of its watches was open meanwhile.
    fn is_virtual(&self) -> bool {
        false
    }
}

/// The operating system's time: read once at start, and advanced by the monotonic clock
/// from then on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// One anchor for the whole process, so that all `SystemClock`s agree.
static ANCHOR: LazyLock<(Instant, Timestamp)> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let (instant, system) = (Instant::now(), SystemTime::now());
    let since_epoch = system.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (instant, Timestamp::ZERO + since_epoch)
});

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (instant, started_at) = *ANCHOR;
        started_at + instant.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}
