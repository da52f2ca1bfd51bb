//! Exhaustive search of a small system: two users with a session each, three processes, one loss of
//! data. Every fault happens at every moment, in every order, up to a number of events.
//!
//! It runs the production code of rosters, time line, reckonings and merge; only the loop around
//! them belongs to this test. The search is breadth first. Two histories that lead to the same
//! state (with times relative to now) have the same future, so only the first of them is continued.
//!
//! `PRESENCE_DEPTH=n` searches deeper than by default. A failure prints its history; no shorter one
//! fails.

mod process;
mod promises;
mod store;
mod system;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use system::{Event, System};

/// Number of events of a history.
const DEPTH: usize = 4;
/// Least number of states at this depth: a search that explores nothing must fail.
const FLOOR: usize = 10_000;

/// Plays these events, and checks all promises at each moment.
fn play(history: &[Event]) -> System {
    let mut system = System::new();
    for event in history {
        system.apply(*event);
    }
    system
}

/// Plays a history, then repairs all faults; returns the state before that, and the events possible
/// in it.
fn explore(history: &[Event], known: &HashSet<u64>) -> (u64, Vec<Event>) {
    let mut system = play(history);
    let (state, next) = (system.fingerprint(), system.possible());
    if !known.contains(&state) {
        system.repair();
    }
    (state, next)
}

#[test]
fn in_every_short_history_users_with_heartbeats_stay_and_silent_users_leave() {
    let depth = std::env::var("PRESENCE_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(DEPTH);
    let (mut known, mut played) = (HashSet::new(), 0_usize);
    let mut frontier = vec![(Vec::new(), System::new().possible())];
    for length in 1..=depth {
        let mut reached = Vec::new();
        for (history, events) in &frontier {
            for event in events {
                let mut longer: Vec<Event> = history.clone();
                longer.push(*event);
                played += 1;
                let Ok((state, next)) = catch_unwind(AssertUnwindSafe(|| explore(&longer, &known))) else {
                    panic!("a promise is broken by {longer:?}")
                };
                if known.insert(state) {
                    reached.push((longer, next));
                }
            }
        }
        println!("{length} events: {played} histories, {} states", known.len());
        frontier = reached;
    }
    assert!(known.len() >= FLOOR || depth < DEPTH, "only {} states were explored", known.len());
}
