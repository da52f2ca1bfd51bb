//! Clocks of a process; the only file that reads the operating system's clock.

use super::Timestamp;
use async_trait::async_trait;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock of a process, which decides verdicts.
///
/// Guards of I/O (timeouts, backoff) wait on the runtime's own time instead, so that a test may
/// advance this clock by hand while real sockets keep working.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now. It never goes back.
    fn now(&self) -> Timestamp;

    /// Returns once [`now`](Self::now) has reached `at`. Dropping the future cancels the wait.
    async fn sleep_until(&self, at: Timestamp);

    /// Returns at `at` or later: for periodic work that only keeps up with time.
    ///
    /// Virtual time does not stop for it: such work runs at the next instant at which that time
    /// stops anyway, before everything else that happens then. Default: [`sleep_until`]. Dropping
    /// the future cancels the wait.
    ///
    /// [`sleep_until`]: Self::sleep_until
    async fn sleep_past(&self, at: Timestamp) {
        self.sleep_until(at).await;
    }

    /// Whether this is virtual time, which passes only when a test advances it. Default: no.
    ///
    /// However far it advances in one step, no process misses anything meanwhile; so a store on
    /// such a clock calls no stretch of time blind that one of its watches has lived through.
    fn is_virtual(&self) -> bool {
        false
    }
}

/// The time of the operating system, read once at start and monotonic from there on.
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
