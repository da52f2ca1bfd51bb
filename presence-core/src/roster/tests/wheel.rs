//! The timer wheel and the slab, each compared with the simplest equivalent.

use super::stage::*;
use crate::conformance::Rng;
use crate::model::Topics;
use crate::roster::clock::wheel::{NOT_QUEUED, Wheel};
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::placed::Placed;
use crate::roster::sessions::slot::Slot;
use crate::slab::Slab;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[test]
fn every_queued_check_comes_due_in_time_in_any_history() {
    for seed in 0..300 {
        let mut rng = Rng::seeded(seed);
        let (mut wheel, mut now) = (Wheel::new(START), START);
        // The queued tick of each entry, and the time by which it must be due.
        let mut queued = BTreeMap::new();
        for _ in 0..400 {
            match rng.below(6) {
                0..=3 => {
                    let entry = u32::try_from(rng.below(40)).unwrap();
                    let after = Duration::from_millis(rng.below(200_000) >> rng.below(12));
                    let (before, due) = queued.get(&entry).copied().unwrap_or((NOT_QUEUED, now + after));
                    let tick = wheel.queue(entry, before, now, after);
                    assert_ne!(tick, NOT_QUEUED);
                    queued.insert(entry, (tick, due.min(now + after)));
                }
                4 => now = now + Duration::from_millis(rng.below(3_000)),
                _ if rng.one_in(6) => now = now + secs(rng.below(20_000)),
                _ => {}
            }
            // Turned only when it announces so, as a sweep does.
            if wheel.next_at() > now {
                continue;
            }
            wheel.turn(now);
            let mut seen = BTreeSet::new();
            while let Some((tick, entry)) = wheel.next_due() {
                if queued.get(&entry).is_some_and(|(current, _)| *current == tick) {
                    assert!(seen.insert(entry), "due twice");
                    queued.remove(&entry);
                }
            }
            assert!(wheel.next_at() > now);
            let late = queued.iter().find(|(_, (_, due))| *due + Duration::from_millis(250) <= now);
            assert_eq!(late, None, "seed {seed}, {now:?}");
        }
    }
}

#[test]
fn a_check_comes_due_in_the_tick_after_its_time_even_after_a_long_pause() {
    let mut wheel = Wheel::new(START);
    assert_eq!(wheel.next_at(), Timestamp::MAX);
    for days in [0, 1, 300] {
        let now = START + Duration::from_hours(24 * days) + Duration::from_millis(10);
        wheel.queue(1, NOT_QUEUED, now, secs(60));
        let next_at = START + Duration::from_hours(24 * days) + Duration::from_millis(60_250);
        assert_eq!(wheel.next_at(), next_at);
        wheel.turn(next_at - Duration::from_millis(1));
        assert_eq!(wheel.next_due(), None);
        wheel.turn(next_at);
        assert!(wheel.next_due().is_some());
        assert_eq!(wheel.next_at(), Timestamp::MAX);
    }
}

#[test]
fn an_entry_queued_while_the_wheel_is_read_is_due_in_the_next_tick() {
    let mut wheel = Wheel::new(START);
    let now = START + secs(10);
    wheel.turn(now);
    wheel.queue(1, NOT_QUEUED, now, Duration::ZERO);
    wheel.turn(now);
    assert_eq!(wheel.next_due(), None);
    wheel.turn(now + Duration::from_millis(250));
    assert!(wheel.next_due().is_some());
}

#[test]
fn an_entry_of_the_slab_is_a_pair_of_cache_lines() {
    assert_eq!((Slab::<Slot>::ENTRY, align_of::<Slot>()), (128, 128));
}

#[test]
fn a_slab_behaves_like_a_map() {
    let stage = Stage::new();
    let slot = |n: u64| {
        let session = foreign("ann", &format!("{n}"), "other", START);
        let placed = Placed { memberships: Memberships::Nowhere, ..stage.roster.placed_as(&session) };
        assert_eq!(session.placement.topics, Topics::NONE);
        Slot::new(session.key(), 0, placed)
    };
    for seed in 0..20 {
        let (mut rng, mut slab, mut map) = (Rng::seeded(seed), Slab::default(), BTreeMap::new());
        let mut most = 0;
        for n in 0..3_000 {
            // It grows and shrinks in turn, so that it is empty now and then.
            let grows = (n / 500) % 2 == 0;
            if map.is_empty() || rng.below(10) < if grows { 8 } else { 1 } {
                let at = slab.insert(slot(n));
                assert!(map.insert(at, n).is_none(), "{at} was taken");
            } else if let Some(&at) = map.keys().nth(rng.index(map.len())) {
                let removed = slab.remove(at).map(|slot| slot.id.to_string());
                assert_eq!(removed, map.remove(&at).map(|n| n.to_string()));
                assert!(slab.remove(at).is_none());
            }
            most = if map.is_empty() { 0 } else { most.max(map.len()) };
            // Numbers are reused, and empty chunks are freed.
            assert!(slab.end() as usize <= most.next_multiple_of(128));
            let chunks: BTreeSet<u32> = map.keys().map(|at| at / 128).collect();
            assert!(slab.capacity() <= chunks.len() * 128);
            if n % 100 == 0 {
                let held: BTreeMap<u32, u64> = (0..slab.end())
                    .filter_map(|at| Some((at, slab.get(at)?.id.as_str().parse().unwrap())))
                    .collect();
                assert_eq!(held, map);
            }
        }
    }
}
