//! Concurrent use from several threads: nothing deadlocks, and in the end everything shown matches
//! the facts.

use super::reader::Reader;
use super::reference::Reference;
use super::stage::*;
use crate::conformance::Rng;
use crate::liveness::Policy;
use crate::model::{Activity, Session, Status};
use crate::roster::{BeatSource, Detail, Roster, Scope, Settings, StoreWrite};
use crate::store::{Facts, Touch};
use crate::time::Timestamp;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

const THREADS: u64 = 4;
const ROUNDS: u64 = 30;
const STEPS: u64 = 3_000;

/// The work of one thread in one round.
fn work(roster: &Roster, clock: &AtomicU64, seed: u64, written: &mut Vec<Session>) {
    let mut rng = Rng::seeded(seed);
    let mut reader: Option<Reader> = None;
    for _ in 0..STEPS {
        // Now and then the clock advances for all threads.
        let late = u64::from(rng.one_in(50));
        let now = Timestamp::from_millis(clock.fetch_add(late, Ordering::AcqRel) + late);
        let (name, session) = (format!("u{}", rng.below(60)), format!("s{}", rng.below(3)));
        let room = topics(&[["attic", "hall", "yard"][rng.index(3)]]);
        let write = match rng.below(16) {
            0..=2 => roster.beat(&enter(&name, &session).topics(room), BeatSource::Beat, 0, now).unwrap(),
            3..=5 => roster
                .beat(&renew(&name, &session).activity(Activity::Now), BeatSource::Beat, 0, now)
                .unwrap(),
            6 => roster.beat(&enter(&name, &session), BeatSource::Connection, 0, now).unwrap(),
            7 => roster.drop_held(&key(&name, &session), secs(0), now),
            8 => roster.leave(&leave(&name, &session).immediately(), now),
            9 => roster.declare(&key(&name, &session), Status::Offline.into(), 0, now).unwrap(),
            10 => {
                let session = in_topics(&foreign(&name, &session, "other", now), &["hall"]);
                roster.merge(&Facts { sessions: vec![session], ..Facts::default() }, |_| 0, now);
                StoreWrite::Nothing
            }
            11 => {
                let (node, seen_at, drain_for) = (node("other"), now, None);
                roster.touched(&[Touch::Node { node, seen_at, drain_for }], now);
                roster.beat_node(now);
                StoreWrite::Nothing
            }
            12 => {
                roster.prove(0, now, &[], now);
                roster.sweep(now, 100);
                StoreWrite::Nothing
            }
            13 => {
                roster.publish();
                if rng.one_in(20) {
                    roster.tidy(now);
                }
                StoreWrite::Nothing
            }
            14 if rng.one_in(4) => {
                let scope =
                    [Scope::All, Scope::Topic(topic("hall")), Scope::users([user("u1"), user(&name)])];
                let detail = [Detail::Members, Detail::Sessions, Detail::Counts][rng.index(3)];
                let new = Reader::new(roster, &scope[rng.index(3)], detail, seed);
                reader.replace(new).map(Reader::leave);
                StoreWrite::Nothing
            }
            _ => {
                if let Some(reader) = &mut reader {
                    reader.read_all();
                }
                roster.read(&roster.scope(&Scope::All).unwrap(), |sorted| sorted.active.len());
                StoreWrite::Nothing
            }
        };
        if let StoreWrite::Put { sessions, .. } = write {
            written.extend(sessions);
        }
        // The store echoes a session that another thread may have changed meanwhile.
        if rng.one_in(20) && !written.is_empty() {
            let sessions = vec![written.swap_remove(rng.index(written.len()))];
            roster.merge(&Facts { sessions, ..Facts::default() }, |_| 0, now);
        }
        written.truncate(64);
    }
    reader.map(Reader::leave);
}

#[test]
fn concurrent_calls_leave_a_roster_that_matches_the_facts() {
    let policy = Policy::default().lease_for(secs(10)).active_for(secs(6));
    let settings = Settings {
        policy,
        node: node("me"),
        shards: 1,
        max_sessions: 10_000,
        max_bytes: usize::MAX,
        max_topics_per_user: usize::MAX,
        remember_bytes: usize::MAX,
    };
    let mut stage = Stage::with(|s| s.clone_from(&settings));
    let clock = AtomicU64::new(stage.now.as_millis());
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
    let mut readers: Vec<Reader> = [Scope::All, Scope::Topic(topic("hall"))]
        .iter()
        .map(|scope| Reader::new(&stage.roster, scope, Detail::Sessions, 99))
        .collect();
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (roster, clock, barrier) = (&stage.roster, &clock, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    work(roster, clock, round * THREADS + thread, &mut Vec::new());
                });
            }
        });
        // All threads are idle, at a whole second; the roster's sessions are the facts.
        let now = Timestamp::from_secs(Timestamp::from_millis(clock.load(Ordering::Acquire)).as_secs() + 1);
        clock.store(now.as_millis(), Ordering::Release);
        stage.now = now;
        stage.prove(0, now);
        stage.sweep();
        stage.roster.publish();
        let mut reference = Reference::new(&settings, now);
        reference.prove(0, now, &[]);
        for n in 0..60 {
            for examined in stage.roster.examine(&user(&format!("u{n}")), now) {
                reference.know(examined.session, 0);
            }
        }
        for known in reference.nodes_to_be() {
            let seen_at = stage.roster.nodes.of(&known).seen_at();
            reference.know_node(known, seen_at);
        }
        for scope in
            ["attic", "hall", "yard"].map(|name| Scope::Topic(topic(name))).iter().chain([&Scope::All])
        {
            let state = stage.roster.scope(scope).unwrap();
            assert_eq!(state.counts(), reference.counts(scope), "{scope:?} in round {round}");
            assert_eq!(stage.roster.read(&state, Clone::clone), reference.sorted(scope));
        }
        for reader in &mut readers {
            reader.read_all();
            assert_eq!(reader.members(), reference.members(reader.scope(), true));
        }
    }
}
