//! A clock that stands still until it is told to go on.

use super::{Clock, Timestamp};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often the other tasks are let run before they are taken to have settled: a wake-up that
/// travels through more tasks than this in a row would be cut off, and nothing of ours comes near
/// it.
const TURNS: usize = 16;

/// A clock for tests: virtual time, turned by hand.
///
/// Clones share the time. Give the same clock to the store and to `Presence`, and nothing happens
/// between two calls of [`advance`](Self::advance). Made for tokio's current-thread runtime (the
/// default of `#[tokio::test]`), on which letting the other tasks run until they rest is exact.
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
    /// Numbers the sleepers: those of one instant wake in the order they lay down.
    next_id: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, ..State::default() })))
    }

    /// Goes on by `duration`, stopping at the instant of each sleeper, in order; returns when all
    /// have settled.
    pub async fn advance(&self, duration: Duration) {
        settle().await;
        let target = self.now() + duration;
        while self.wake_next(target) {
            settle().await;
        }
        self.reach(target);
        settle().await;
    }

    /// Time never goes back, even if somebody else has turned the clock further meanwhile.
    fn reach(&self, target: Timestamp) {
        let mut state = self.0.lock();
        state.now = state.now.max(target);
    }

    /// Jumps to the earliest sleeper's instant, if that is not after `target`, and wakes all who
    /// wait for it.
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
            // Whoever stopped waiting has no use for the news.
            let _ = entry.remove().send(());
        }
        true
    }
}

/// Lets every other task of this runtime run until it rests.
async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Takes a sleeper off the list when its future is dropped.
struct Bed {
    clock: ManualClock,
    key: (Timestamp, u64),
}

impl Drop for Bed {
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
        let (woken, _bed) = {
            let mut state = self.0.lock();
            if at <= state.now {
                return;
            }
            let key = (at, state.next_id);
            state.next_id += 1;
            let (wake, woken) = oneshot::channel();
            state.sleepers.insert(key, wake);
            (woken, Bed { clock: self.clone(), key })
        };
        // The sender goes only by waking us, or with the clock itself, which `_bed` keeps.
        let _ = woken.await;
    }
}
