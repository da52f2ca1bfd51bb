//! A clock for tests that advances only when told to.

use super::{Clock, Timestamp};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often other tasks are polled before they count as idle. A chain of wake-ups through more
/// tasks than this would be cut off; the longest in this project is far shorter.
const TURNS: usize = 16;

/// A clock for tests: virtual time, advanced by hand.
///
/// Clones share the time. Give the same clock to the store and to `Presence`, and nothing happens
/// between two calls of [`advance`](Self::advance). Made for tokio's current-thread runtime (the
/// default of `#[tokio::test]`), on which running the other tasks until they are idle is exact.
///
/// ```
/// use presence_core::{Clock, ManualClock, Timestamp};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let clock = ManualClock::at(Timestamp::from_secs(1_000));
/// let sleeper = tokio::spawn({
///     let clock = clock.clone();
///     async move {
///         clock.sleep_until(Timestamp::from_secs(1_030)).await;
///         clock.now()
///     }
/// });
/// clock.advance(Duration::from_secs(60)).await;
/// assert_eq!(sleeper.await.unwrap(), Timestamp::from_secs(1_030)); // it woke at its own instant, not at the end
/// assert_eq!(clock.now(), Timestamp::from_secs(1_060));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Timestamp,
    /// Number of the next sleeper; those of one instant wake in the order of their numbers.
    next_id: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl ManualClock {
    /// A clock that reads `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, ..State::default() })))
    }

    /// Advances by `duration`, stopping at the instant of each sleeper in order; returns when all
    /// tasks are idle.
    pub async fn advance(&self, duration: Duration) {
        run_until_idle().await;
        let target = self.now() + duration;
        while self.wake_next(target) {
            run_until_idle().await;
        }
        self.reach(target);
        run_until_idle().await;
    }

    /// Advances to `target`, unless another call has advanced the clock further meanwhile.
    fn reach(&self, target: Timestamp) {
        let mut state = self.0.lock();
        state.now = state.now.max(target);
    }

    /// Advances to the earliest sleeper's instant, if that is not after `target`, and wakes the
    /// sleepers of that instant.
    fn wake_next(&self, target: Timestamp) -> bool {
        let mut state = self.0.lock();
        let Some((&(at, _), _)) = state.sleepers.first_key_value() else { return false };
        if at > target {
            return false;
        }
        state.now = state.now.max(at);
        while let Some(entry) = state.sleepers.first_entry()
            && entry.key().0 == at
        {
            // A sleeper that was dropped needs no wake-up.
            let _ = entry.remove().send(());
        }
        true
    }
}

/// Runs every other task of this runtime until it is idle.
async fn run_until_idle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Removes a sleeper when its future is dropped.
struct SleepGuard {
    clock: ManualClock,
    key: (Timestamp, u64),
}

impl Drop for SleepGuard {
    fn drop(&mut self) {
        self.clock.0.lock().sleepers.remove(&self.key);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().now
    }

    async fn sleep_until(&self, at: Timestamp) {
        let (woken, _guard) = {
            let mut state = self.0.lock();
            if at <= state.now {
                return;
            }
            let key = (at, state.next_id);
            state.next_id += 1;
            let (wake, woken) = oneshot::channel();
            state.sleepers.insert(key, wake);
            (woken, SleepGuard { clock: self.clone(), key })
        };
        // The sender is dropped only with the clock, which `_guard` keeps alive.
        let _ = woken.await;
    }
}
