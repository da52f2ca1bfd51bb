//! Rate limits for clients, users or any other key.

use super::cells::Cells;
use crate::Error;
use governor::RateLimiter;
use governor::clock::{Clock as _, Reference as _};
use governor::middleware::NoOpMiddleware;
use http::StatusCode;
use presence_core::{Clock, SystemClock, Timestamp};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number of requests per period, and how many of them may come at once.
///
/// ```
/// use presence_axum::limits::Quota;
/// let quota = Quota::per_minute(600).map(|quota| quota.burst(50));
/// assert!(quota.is_some());
/// assert_eq!(Quota::per_minute(0), None); // no limit
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    every: Duration,
    burst: NonZeroU32,
}

impl Quota {
    /// The longest time in which a used-up burst may become available again: a day.
    pub const LONGEST: Duration = Duration::from_hours(24);

    /// `n` requests a second, and up to `n` at once; `None` (no limit) for zero.
    ///
    /// ```
    /// use presence_axum::limits::Quota;
    /// let quota = Quota::per_second(10).map(|quota| quota.burst(50));
    /// assert!(quota.is_some() && Quota::per_second(0).is_none());
    /// ```
    pub fn per_second(n: u32) -> Option<Self> {
        Self::within(Duration::from_secs(1), n)
    }

    /// `n` requests a minute, and up to `n` at once; `None` (no limit) for zero.
    ///
    /// ```
    /// use presence_axum::limits::Quota;
    /// let quota = Quota::per_minute(600);
    /// # let _ = quota;
    /// ```
    pub fn per_minute(n: u32) -> Option<Self> {
        Self::within(Duration::from_mins(1), n)
    }

    fn within(period: Duration, n: u32) -> Option<Self> {
        let burst = NonZeroU32::new(n)?;
        // The limiter needs a period above zero: the shortest is a nanosecond, 10^9 requests a
        // second.
        Some(Self { every: (period / n).max(Duration::from_nanos(1)), burst }.burst(n))
    }

    /// Sets how many requests may come at once: at least one, at most as many as the rate allows
    /// within [`Quota::LONGEST`].
    ///
    /// ```
    /// use presence_axum::limits::Quota;
    /// let quota = Quota::per_minute(60).map(|quota| quota.burst(10));
    /// # let _ = quota;
    /// ```
    pub fn burst(self, n: u32) -> Self {
        let most = Self::LONGEST.as_nanos() / self.every.as_nanos();
        let n = n.min(u32::try_from(most).unwrap_or(u32::MAX));
        Self { burst: NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN), ..self }
    }

    fn cells(self) -> governor::Quota {
        // `every` is never zero, so `with_period` always answers a quota.
        let quota =
            governor::Quota::with_period(self.every).unwrap_or(governor::Quota::per_second(NonZeroU32::MIN));
        quota.allow_burst(self.burst)
    }
}

/// A rate limiter: each key (a [`Client`](super::Client), a `UserId`) has the same [`Quota`].
///
/// It remembers keys by a seeded hash, in about 24 bytes each, and drops those whose whole burst is
/// available again. At most [`Rate::MAX_KEYS`] are remembered: further keys share one quota until a
/// sweep, at most one a second, has made room.
///
/// ```
/// use presence_axum::limits::{Quota, Rate};
/// # fn example() -> Option<()> {
/// let rate = Rate::new(Quota::per_minute(2)?);
/// assert!(rate.check(&"ada").is_ok() && rate.check(&"ada").is_ok());
/// let refused = rate.check(&"ada").unwrap_err();
/// assert_eq!(refused.seconds(), 30);
/// assert!(rate.check(&"bob").is_ok());
/// # Some(()) }
/// # example().unwrap();
/// ```
pub struct Rate {
    limiter: RateLimiter<u64, Cells, Ticks, NoOpMiddleware<Duration>>,
    /// A handle to the cells of the limiter.
    cells: Cells,
    seed: RandomState,
    burst: NonZeroU32,
    /// The time of the last sweep, in milliseconds.
    swept_at: AtomicU64,
}

/// The shortest time between two sweeps, in milliseconds.
const SWEEP_EVERY: u64 = 1_000;

/// A [`Clock`] in the form that the limiter reads.
#[derive(Debug, Clone)]
struct Ticks(Arc<dyn Clock>);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().since(Timestamp::ZERO)
    }
}

impl Rate {
    /// The default for how many keys are remembered at a time.
    pub const MAX_KEYS: usize = 100_000;

    /// A rate limiter with the system's clock.
    ///
    /// ```
    /// use presence_axum::limits::{Quota, Rate};
    /// let rate = Rate::new(Quota::per_minute(1).unwrap());
    /// assert!(rate.check(&"ada").is_ok());
    /// let refused = rate.check(&"ada").unwrap_err();
    /// assert!(refused.seconds() > 0);
    /// assert!(rate.check(&"bob").is_ok());
    /// ```
    pub fn new(quota: Quota) -> Self {
        Self::with(quota, Arc::new(SystemClock), Self::MAX_KEYS)
    }

    /// A rate limiter with this clock, which remembers up to `max_keys` keys.
    ///
    /// ```
    /// # fn example(presence: &presence_core::Presence) {
    /// use presence_axum::limits::{Quota, Rate};
    /// use std::sync::Arc;
    /// let clock = Arc::clone(presence.clock());
    /// let rate = Quota::per_minute(60).map(|quota| Rate::with(quota, clock, Rate::MAX_KEYS));
    /// # drop(rate);
    /// # }
    /// ```
    pub fn with(quota: Quota, clock: Arc<dyn Clock>, max_keys: usize) -> Self {
        let cells = Cells::new(max_keys);
        let limiter = RateLimiter::new(quota.cells(), cells.clone(), Ticks(clock));
        Self { limiter, cells, seed: RandomState::new(), burst: quota.burst, swept_at: AtomicU64::new(0) }
    }

    /// Counts one request of this key if its quota allows it.
    ///
    /// ```
    /// use presence_axum::limits::{Quota, Rate};
    /// let rate = Rate::new(Quota::per_minute(1).unwrap());
    /// assert!(rate.check(&"ada").is_ok());
    /// assert!(rate.check(&"ada").is_err());
    /// ```
    ///
    /// # Errors
    /// [`TooMany`] when the quota is used up; the request is then not counted.
    pub fn check(&self, key: &impl Hash) -> Result<(), TooMany> {
        if self.cells.wants_sweep() {
            self.sweep();
        }
        self.limiter.check_key(&self.seed.hash_one(key)).map_err(|not_until| {
            let now = self.limiter.clock().now();
            TooMany { retry_after: not_until.earliest_possible().duration_since(now).into() }
        })
    }

    /// Counts `n` requests of this key at once if its quota allows all of them. More than the whole
    /// burst counts as the whole burst.
    ///
    /// ```
    /// use presence_axum::limits::{Quota, Rate};
    /// use std::num::NonZeroU32;
    /// let rate = Rate::new(Quota::per_minute(10).unwrap());
    /// let eight = NonZeroU32::new(8).unwrap();
    /// assert!(rate.check_many(&"ada", eight).is_ok());
    /// assert!(rate.check_many(&"ada", eight).is_err());
    /// ```
    ///
    /// # Errors
    /// [`TooMany`] when the quota does not allow them; none is then counted.
    pub fn check_many(&self, key: &impl Hash, n: NonZeroU32) -> Result<(), TooMany> {
        let n = n.min(self.burst);
        let now = || self.limiter.clock().now();
        let checked = self.limiter.check_key_n(&self.seed.hash_one(key), n);
        // `n` was cut to the burst above, so the limiter never refuses it as too large.
        let Ok(checked) = checked else { return Err(TooMany { retry_after: Quota::LONGEST }) };
        checked.map_err(|not_until| TooMany {
            retry_after: not_until.earliest_possible().duration_since(now()).into(),
        })
    }

    fn sweep(&self) {
        let now = self.limiter.clock().0.now().as_millis();
        let last = self.swept_at.load(Relaxed);
        let due = now.saturating_sub(last) >= SWEEP_EVERY;
        if due && self.swept_at.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            self.limiter.retain_recent();
        }
    }

    /// How many keys are remembered at the moment.
    pub fn keys(&self) -> usize {
        self.limiter.len()
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rate").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

/// The quota of a key is used up: 429, with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct TooMany {
    retry_after: Duration,
}

impl TooMany {
    /// How long to wait before the next request.
    pub fn retry_after(self) -> Duration {
        self.retry_after
    }

    /// The wait in whole seconds, for `Retry-After`; at least one.
    pub fn seconds(self) -> u64 {
        let rest = u64::from(self.retry_after.subsec_nanos() > 0);
        (self.retry_after.as_secs() + rest).max(1)
    }
}

impl From<TooMany> for Error {
    fn from(too_many: TooMany) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests").retry_after(too_many.seconds())
    }
}

#[cfg(test)]
mod tests;
