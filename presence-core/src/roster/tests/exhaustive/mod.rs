//! Exhaustive search of a small world: two users with a session each, three processes, one loss of
//! data, and every fault at every moment, in every order, up to a number of events.
//!
//! It drives the rosters, the time line, the reckonings and the merge of production; only the loop
//! around them belongs to this test. The search is breadth first. Two histories that lead to the
//! same state (with times relative to now) have the same future, so only the first of them is
//! continued.
//!
//! `PRESENCE_DEPTH=n` searches deeper than by default. A failure prints its history, which is a
//! shortest one.

mod process;
mod promises;
mod store;
mod world;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Event, World};

/// Number of events of a history.
const DEPTH: usize = 4;
/// Fewest states at this depth, since a model that stopped moving would pass.
const FLOOR: usize = 10_000;

/// Plays these events, checking all promises at each moment; returns the world.
fn play(history: &[Event]) -> World {
    let mut world = World::new();
    for event in history {
        world.happen(*event);
    }
    world
}

/// Plays a history, then lets everything heal; returns the state before that.
fn explore(history: &[Event], known: &HashSet<u64>) -> (u64, Vec<Event>) {
    let mut world = play(history);
    let (state, next) = (world.fingerprint(), world.possible());
    if !known.contains(&state) {
        world.heal();
    }
    (state, next)
}

#[test]
fn in_every_history_of_a_small_world_who_beats_stays_and_who_is_silent_goes() {
    let depth = std::env::var("PRESENCE_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(DEPTH);
    let (mut known, mut played) = (HashSet::new(), 0_usize);
    let mut frontier = vec![(Vec::new(), World::new().possible())];
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
