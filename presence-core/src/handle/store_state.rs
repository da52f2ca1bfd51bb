//! `StoreState`: the health of the store, according to the outcome of this process's calls. Decides
//! what `health` returns and what is logged.

use super::report::StoreHealth;
use crate::store;
use crate::time::Timestamp;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A kind of call. Each kind is tracked separately, since a full store refuses puts
/// but accepts touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verb {
    Put = 1,
    Touch = 1 << 1,
    Now = 1 << 2,
    Remember = 1 << 3,
    /// Garbage collection. Its failure alone is not an outage: nothing waits for it, and the next
    /// call may come a lease later.
    Forget = 0,
}

/// Shortest interval between two logged outages.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A line to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The store fails. `unlogged` is the number of outages since the last such line.
    Down { unlogged: u32 },
    /// The store works again.
    Up,
}

/// The health of the store: down from the first failed call until each kind of call that failed has
/// succeeded again, and the outbox is empty.
#[derive(Debug)]
pub(super) struct StoreState {
    /// The kinds of call that fail, and [`DOWN`]. If it is zero, a success changes nothing, and the
    /// lock is not needed.
    failing: AtomicU8,
    state: Mutex<State>,
}

/// Set until the outbox is empty: the store counts as down until then, even if no kind
/// of call fails.
const DOWN: u8 = 1 << 7;

#[derive(Debug)]
struct State {
    health: StoreHealth,
    /// When the last outage was logged.
    logged_at: Option<Timestamp>,
    /// Whether the present outage was logged.
    is_logged: bool,
    unlogged: u32,
}

impl Default for StoreState {
    fn default() -> Self {
        let state = State { health: StoreHealth::Up, logged_at: None, is_logged: false, unlogged: 0 };
        Self { failing: AtomicU8::new(0), state: Mutex::new(state) }
    }
}

impl StoreState {
    pub fn health(&self) -> StoreHealth {
        self.state.lock().health.clone()
    }

    /// Whether the store counts as down, so that a success must be recorded.
    pub fn is_down(&self) -> bool {
        self.failing.load(Ordering::Relaxed) != 0
    }

    /// Records a failed call; returns the line to log, if any.
    pub fn failed(&self, verb: Verb, error: &store::Error, now: Timestamp) -> Option<Line> {
        if verb == Verb::Forget {
            return None;
        }
        let mut state = self.state.lock();
        self.failing.fetch_or(verb as u8 | DOWN, Ordering::Relaxed);
        if state.health == StoreHealth::Up {
            state.health = StoreHealth::Down { since: now, error: error.to_string() };
            state.is_logged = false;
            state.unlogged += 1;
        }
        if state.is_logged || state.logged_at.is_some_and(|at| now.since(at) < LOG_EVERY) {
            return None;
        }
        let unlogged = std::mem::take(&mut state.unlogged).saturating_sub(1);
        (state.is_logged, state.logged_at) = (true, Some(now));
        Some(Line::Down { unlogged })
    }

    /// Records a successful call; `has_pending` returns whether the outbox still has writes.
    pub fn succeeded(&self, verb: Verb, has_pending: impl FnOnce() -> bool) -> Option<Line> {
        let mut state = self.state.lock();
        let failing = self.failing.fetch_and(!(verb as u8), Ordering::Relaxed) & !(verb as u8);
        if failing != DOWN || has_pending() {
            return None;
        }
        self.failing.store(0, Ordering::Relaxed);
        state.health = StoreHealth::Up;
        state.is_logged.then_some(Line::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kind;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn full() -> store::Error {
        store::Error::new(Kind::Unavailable, "no memory left")
    }

    #[test]
    fn failing_puts_among_successful_touches_are_logged_as_one_outage() {
        let state = StoreState::default();
        let mut lines = Vec::new();
        for n in 0..200 {
            lines.extend(state.failed(Verb::Put, &full(), at(n * 125)));
            lines.extend(state.succeeded(Verb::Touch, || false));
            assert_eq!(
                state.health(),
                StoreHealth::Down { since: at(0), error: "unavailable: no memory left".to_owned() }
            );
        }
        assert_eq!(lines, [Line::Down { unlogged: 0 }]);
        assert_eq!(state.succeeded(Verb::Put, || true), None, "the outbox is not empty");
        assert!(state.is_down());
        assert_eq!(state.succeeded(Verb::Touch, || false), Some(Line::Up));
        assert_eq!((state.health(), state.is_down()), (StoreHealth::Up, false));
    }

    #[test]
    fn a_store_that_fails_intermittently_is_logged_twice_in_ten_seconds() {
        let state = StoreState::default();
        let mut lines = Vec::new();
        for n in 0..250 {
            lines.extend(state.failed(Verb::Touch, &full(), at(n * 100)));
            lines.extend(state.succeeded(Verb::Touch, || false));
        }
        let down = |unlogged| Line::Down { unlogged };
        assert_eq!(lines, [down(0), Line::Up, down(99), Line::Up, down(99), Line::Up]);
    }

    #[test]
    fn an_outage_soon_after_another_is_logged_once_it_lasts() {
        let state = StoreState::default();
        assert!(state.failed(Verb::Touch, &full(), at(0)).is_some());
        assert!(state.succeeded(Verb::Touch, || false).is_some());
        assert_eq!(state.failed(Verb::Touch, &full(), at(2_000)), None);
        assert_eq!(state.failed(Verb::Touch, &full(), at(9_999)), None);
        assert_eq!(state.failed(Verb::Touch, &full(), at(10_000)), Some(Line::Down { unlogged: 0 }));
    }

    #[test]
    fn forgetting_does_not_affect_the_state_of_the_store() {
        let state = StoreState::default();
        assert_eq!(state.failed(Verb::Forget, &full(), at(0)), None);
        assert_eq!(state.health(), StoreHealth::Up);
        assert!(state.failed(Verb::Put, &full(), at(0)).is_some());
        assert_eq!(state.succeeded(Verb::Forget, || false), None);
        assert!(state.is_down());
    }
}
