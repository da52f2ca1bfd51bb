//! The estimates of memory are right, and removed sessions free their memory. This is a separate
//! test binary with a single test, since it counts everything that the process allocates.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use presence_core::roster::{BeatSource, Roster, Settings, StoreWrite};
use presence_core::store::{ForgetIf, Session, UserRecord};
use presence_core::{
    Beat, Declaration, Message, Meta, NodeId, Policy, PresenceStore, SessionId, Status, Timestamp, Topic,
    Topics, UserId,
};
use presence_memory::MemoryStore;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const START: Timestamp = Timestamp::from_secs(1_000_000);

/// Bytes allocated at present.
fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn roster() -> Roster {
    roster_with(Policy::default())
}

fn roster_with(policy: Policy) -> Roster {
    let settings = Settings {
        policy,
        node: NodeId::new("me").unwrap(),
        shards: 1,
        max_sessions: usize::MAX,
        max_bytes: usize::MAX,
        max_topics_per_user: usize::MAX,
        remember_bytes: usize::MAX,
    };
    let roster = Roster::new(settings, START);
    roster.begin();
    roster.synced(0, START);
    roster.prove(0, START, &[], START);
    roster
}

/// A kind of session: its name, how many there are, and the heartbeat that enters the n-th one.
type Kind = (&'static str, usize, fn(usize) -> Beat);

fn enter(user: String, session: String) -> Beat {
    Beat::enter(UserId::new(user).unwrap(), SessionId::new(session).unwrap())
}

fn topics(names: impl IntoIterator<Item = String>) -> Topics {
    Topics::new(names.into_iter().map(|name| Topic::new(name).unwrap())).unwrap()
}

fn beside(n: usize) -> (Meta, Message) {
    let meta =
        serde_json::json!({ "name": format!("user number {n}"), "at": [n, n, n], "in": { "page": "about" } });
    (Meta::new(meta).unwrap(), Message::new("back in half an hour, or so it is to be hoped").unwrap())
}

const KINDS: [Kind; 6] = [
    ("in no topic", 40_000, |n| enter(format!("user-{n}"), "tab".to_owned())),
    ("in one of few topics", 40_000, |n| {
        enter(format!("user-{n}"), format!("tab-{n}")).topics(topics([format!("/page/{}", n % 100)]))
    }),
    ("in a topic of its own", 20_000, |n| {
        enter(format!("user-{n}"), "tab".to_owned()).topics(topics([format!("a-topic-of-a-longer-name/{n}")]))
    }),
    ("with long ids in fifteen topics of a kilobyte", 600, |n| {
        let names = (0..15).map(|t| format!("{n:04}/{t:02}/{}", "x".repeat(1_000)));
        enter(format!("{n:0200}"), format!("{n:0100}")).topics(topics(names))
    }),
    ("with meta and message, in twenty topics", 5_000, |n| {
        let (meta, message) = beside(n);
        let names = (0..20).map(|t| format!("room-{}", (n * 7 + t) % 400));
        enter(format!("user-{n}"), "tab".to_owned())
            .topics(topics(names))
            .meta(meta)
            .declares(Declaration::new(Status::Busy).message(message))
    }),
    ("of users with a hundred each", 20_000, |n| {
        let names = (0..3).map(|t| format!("room-{}", (n + t) % 50));
        enter(format!("user-{}", n / 100), format!("tab-{n}")).topics(topics(names))
    }),
];

/// Enters sessions of a kind; returns them as they are written to the store.
fn fill(roster: &Roster, (_, count, beat): Kind) -> Vec<Session> {
    let mut sessions = Vec::with_capacity(count);
    for n in 0..count {
        let Ok(StoreWrite::Put { sessions: written, .. }) = roster.beat(&beat(n), BeatSource::Beat, 0, START)
        else {
            panic!()
        };
        sessions.extend(written.into_iter().take(1));
    }
    // Pending list updates are freed later, so they are applied first.
    while roster.sort(usize::MAX) {}
    sessions
}

/// Records an estimate that is off by more than a quarter.
fn compare(wrong: &mut Vec<String>, what: &str, kind: &str, count: usize, estimated: usize, taken: usize) {
    let (each, estimated_each) = (taken / count, estimated / count);
    println!("{what}, {kind}: {each} bytes each, estimated {estimated_each}");
    let right = estimated * 4 >= taken * 3 && estimated * 4 <= taken * 5;
    if !right {
        wrong.push(format!("{what}, {kind}: {each} bytes each, estimated {estimated_each}"));
    }
}

fn forget(session: &Session) -> ForgetIf {
    ForgetIf::Session { key: session.key(), seen_at: Timestamp::MAX, placed_at: Timestamp::MAX }
}

/// The bytes of a last-seen record without those of the id, for many sizes of the maps, in a roster
/// and in the store.
fn a_last_sight_takes_little() {
    let remember_for = Some(Duration::from_hours(24));
    let roster = roster_with(Policy::default().remember_for(remember_for));
    let store = MemoryStore::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut in_roster, mut in_store, mut ids) = (0, 0, 0);
    let (mut each_in_roster, mut each_in_store) = (Vec::new(), Vec::new());
    for n in 1..=96_000 {
        let record =
            UserRecord { seen_at: START, ..UserRecord::new(UserId::new(format!("user-{n}")).unwrap()) };
        ids += record.user.as_str().len();
        let record = [record];
        let before = allocated();
        roster.learn(&record, |_| 0, START);
        let between = allocated();
        runtime.block_on(async { store.remember(&record).await.unwrap() });
        in_roster += between - before;
        in_store += allocated() - between;
        if n >= 48_000 && n % 1_000 == 0 {
            each_in_roster.push((in_roster - ids) / n);
            each_in_store.push((in_store - ids) / n);
        }
    }
    println!(
        "a last sight takes {each_in_roster:?} bytes beside the id's in a roster, {each_in_store:?} in a store"
    );
    assert!(each_in_roster.iter().all(|each| *each <= 64) && each_in_store.iter().all(|each| *each <= 120));
}

#[test]
fn sessions_use_the_estimated_memory_and_free_it() {
    a_last_sight_takes_little();
    let mut wrong = Vec::new();
    for kind in KINDS {
        let (name, count, _) = kind;
        let roster = roster();
        let (before, counted) = (allocated(), roster.bytes());
        let sessions = fill(&roster, kind);
        assert_eq!(sessions.len(), count);
        // The returned sessions are not part of the roster.
        drop(sessions);
        let taken = allocated() - before;
        compare(&mut wrong, "roster", name, count, roster.bytes() - counted, taken);
        // The sessions lapse, and are forgotten.
        let mut now = START;
        for _ in 0..400 {
            now = now + Duration::from_secs(1);
            roster.beat_node(now);
            roster.prove(0, now, &[], now);
            while roster.sweep(now, u32::MAX).more {}
            while roster.sort(usize::MAX) {}
            if now.as_millis().is_multiple_of(10_000) {
                roster.tidy(now);
            }
        }
        assert_eq!((roster.len(), roster.bytes()), (0, counted), "{name}");
        let left = allocated().saturating_sub(before);
        assert!(left < 1024 * 1024, "roster, {name}: {left} bytes are left of {taken}");
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for kind in KINDS {
        let (name, count, _) = kind;
        let source = roster();
        let sessions = fill(&source, kind);
        drop(source);
        // Decoded again, so that nothing is shared, as if another process had put them.
        let encoded = serde_json::to_vec(&sessions).unwrap();
        drop(sessions);
        let store = MemoryStore::new();
        let before = allocated();
        let decoded: Vec<Session> = serde_json::from_slice(&encoded).unwrap();
        runtime.block_on(async { store.put(&decoded).await.unwrap() });
        let seen: Vec<ForgetIf> = decoded.iter().map(forget).collect();
        drop(decoded);
        let without = {
            let with = allocated();
            let copy = seen.clone();
            let all = allocated() - with;
            drop(copy);
            all
        };
        let taken = allocated() - before - without;
        compare(&mut wrong, "store", name, count, store.bytes(), taken);
        runtime.block_on(async { store.forget(&seen).await.unwrap() });
        drop(seen);
        let left = allocated().saturating_sub(before);
        assert_eq!(store.bytes(), 0);
        assert!(left < 1024 * 1024, "store, {name}: {left} bytes are left of {taken}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
