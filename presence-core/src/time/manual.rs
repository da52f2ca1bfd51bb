//! A clock for tests that advances only on request.

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
/// default of `#[tokio::test]`): only there can it run all other tasks until they are idle.
///
/// The time advances from one instant that a task waits for to the next, and skips those of
/// periodic work ([`Clock::sleep_past`]). So a day in which little happens takes some milliseconds.
///
/// ```
/// use presence_core::{Clock, Timestamp};
/// use presence_core::testing::ManualClock;
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
    /// Tasks that wait for an exact instant: time stops at each of them.
    sleepers: Sleepers,
    /// Tasks that wait for a given instant or a later one: time does not stop for them.
    periodic: Sleepers,
    /// Number of sleepers woken so far.
    woken: u64,
}

type Sleepers = BTreeMap<(Timestamp, u64), oneshot::Sender<()>>;

/// The two kinds of sleepers.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Exact,
    Periodic,
}

impl State {
    fn of(&mut self, kind: Kind) -> &mut Sleepers {
        match kind {
            Kind::Exact => &mut self.sleepers,
            Kind::Periodic => &mut self.periodic,
        }
    }
}

impl ManualClock {
    /// A clock that reads `now`.
    ///
    /// ```
    /// use presence_core::{Clock, Timestamp};
    /// use presence_core::testing::ManualClock;
    /// let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    /// assert_eq!(clock.now(), Timestamp::from_secs(1_700_000_000));
    /// ```
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, ..State::default() })))
    }

    /// Advances by `duration`, stopping at the instant of each sleeper in order; returns when all
    /// tasks are idle.
    ///
    /// ```
    /// # use presence_core::{Clock, Timestamp};
    /// # use presence_core::testing::ManualClock;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    /// let clock = ManualClock::at(Timestamp::from_secs(10));
    /// clock.advance(Duration::from_secs(5)).await;
    /// assert_eq!(clock.now(), Timestamp::from_secs(15));
    /// # }
    /// ```
    pub async fn advance(&self, duration: Duration) {
        run_until_idle().await;
        let target = self.now() + duration;
        while let Some(at) = self.next_stop(target) {
            self.reach(at).await;
            self.wake(Kind::Exact, at);
            run_until_idle().await;
        }
        self.reach(target).await;
        run_until_idle().await;
    }

    /// Number of sleepers that this clock has woken so far. For tests that limit how often a
    /// program wakes up.
    ///
    /// ```
    /// use presence_core::testing::ManualClock;
    /// use presence_core::{Clock, Timestamp};
    /// use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    ///
    /// let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    /// let (sleeper, at) = (clock.clone(), clock.now() + Duration::from_secs(5));
    /// tokio::spawn(async move { sleeper.sleep_until(at).await });
    /// clock.advance(Duration::from_secs(10)).await;
    /// assert_eq!(clock.woken(), 1);
    /// # }
    /// ```
    pub fn woken(&self) -> u64 {
        self.0.lock().woken
    }

    /// The earliest instant up to `target` that a task waits for.
    fn next_stop(&self, target: Timestamp) -> Option<Timestamp> {
        let state = self.0.lock();
        state.sleepers.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= target)
    }

    /// Advances to `at`, unless another call has already advanced further, and runs the periodic
    /// work that is due.
    async fn reach(&self, at: Timestamp) {
        let now = {
            let mut state = self.0.lock();
            state.now = state.now.max(at);
            state.now
        };
        if self.wake(Kind::Periodic, now) {
            run_until_idle().await;
        }
    }

    /// Wakes the sleepers of instants up to `until`; returns whether there were any.
    fn wake(&self, kind: Kind, until: Timestamp) -> bool {
        let mut state = self.0.lock();
        let before = state.woken;
        while let Some(entry) = state.of(kind).first_entry()
            && entry.key().0 <= until
        {
            // A sleeper that was dropped needs no wake-up.
            let _ = entry.remove().send(());
            state.woken += 1;
        }
        state.woken > before
    }

    /// Sleeps until the clock has reached `at` and wakes the sleepers of this kind.
    async fn sleep(&self, kind: Kind, at: Timestamp) {
        let (woken, _guard) = {
            let mut state = self.0.lock();
            if at <= state.now {
                return;
            }
            let key = (at, state.next_id);
            state.next_id += 1;
            let (wake, woken) = oneshot::channel();
            state.of(kind).insert(key, wake);
            (woken, SleepGuard { clock: self.clone(), kind, key })
        };
        // The sender is dropped only with the clock, which `_guard` keeps alive.
        let _ = woken.await;
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
    kind: Kind,
    key: (Timestamp, u64),
}

impl Drop for SleepGuard {
    fn drop(&mut self) {
        self.clock.0.lock().of(self.kind).remove(&self.key);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().now
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.sleep(Kind::Exact, at).await;
    }

    async fn sleep_past(&self, at: Timestamp) {
        self.sleep(Kind::Periodic, at).await;
    }

    fn is_virtual(&self) -> bool {
        true
    }
}
