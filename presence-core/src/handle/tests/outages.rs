//! Outages: the store fails, hangs, comes back empty, or loses its last writes.

use super::*;
use crate::conformance::{Call, Fault};
use crate::handle::{Error, StoreHealth};
use crate::store::Kind;

#[tokio::test(start_paused = true)]
async fn a_beat_that_cannot_be_stored_is_degraded_and_told_later() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    world.store.faults().inject(Call::Put, Fault::Fails(Kind::Unavailable));
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    assert!(matches!(one.health().store, StoreHealth::Down { .. }));
    assert_eq!(liveness(&one, "alice"), Liveness::Active);
    world.store.faults().heal();
    world.rest().await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    assert_eq!((one.health().store, one.health().outbox), (StoreHealth::Up, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_degraded_after_two_seconds() {
    let world = World::new();
    let one = world.process().await;
    world.store.faults().inject(Call::Put, Fault::Hangs);
    let asked = tokio::time::Instant::now();
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    assert!(asked.elapsed() <= secs(2), "by the runtime's paused time");
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_is_taken_back() {
    let world = World::new();
    let one = world.process().await;
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    world.store.faults().inject(Call::Put, Fault::Fails(Kind::Rejected));
    assert!(matches!(one.beat(enter("bob", "tab")).await, Err(Error::Rejected(_))));
    assert!(matches!(one.beat(enter("alice", "tab").topics(topics(&["/b"]))).await, Err(Error::Rejected(_))));
    assert_eq!(one.everyone().counts().online, 1);
    assert_eq!(one.topic(&topic("/a")).counts().online, 1);
    assert_eq!(one.health().outbox, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_beat_undoes_nothing() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    world.store.faults().inject(Call::Put, Fault::Hangs);
    let beat = one.beat(enter("alice", "tab"));
    assert!(tokio::time::timeout(Duration::from_millis(10), beat).await.is_err());
    world.store.faults().heal();
    world.rest().await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn a_store_down_for_three_leases_loses_nobody_who_beats() {
    let world = World::with_shards(3);
    let (one, other) = (world.process().await, world.process().await);
    let hold = one.hold(enter("held", "s")).unwrap();
    for name in ["alice", "bob", "carol"] {
        one.beat(enter(name, "tab")).await.unwrap();
    }
    world.pass(secs(5)).await;
    let mut left = other.subscribe(&crate::Scope::All);
    left.next().await;
    world.store.faults().go_down();
    for _ in 0..9 {
        world.pass(secs(20)).await;
        for name in ["alice", "bob", "carol"] {
            // Degraded each time.
            one.beat(renew(name, "tab")).await.unwrap_err();
        }
        assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (4, 4));
    }
    assert_ne!(other.health().view, crate::time::View::Fresh);
    world.store.faults().come_back();
    for _ in 0..10 {
        world.rest().await;
        assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (4, 4));
    }
    assert_eq!(other.health().view, crate::time::View::Fresh);
    drop(hold);
    world.pass(secs(70)).await;
    assert_eq!(other.everyone().counts().online, 0, "and then everybody lapses");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_restarts_empty_is_refilled_and_nobody_flickers() {
    let world = World::with_shards(2);
    let (one, other) = (world.process().await, world.process().await);
    let _hold = one.hold(enter("held", "s")).unwrap();
    for n in 0..200 {
        one.beat(enter(&format!("user-{n}"), "tab")).await.unwrap();
    }
    world.pass(secs(3)).await;
    let mut changes = other.subscribe(&crate::Scope::All);
    changes.next().await;
    world.store.faults().come_back_empty();
    for _ in 0..4 {
        world.rest().await;
    }
    assert_eq!(world.store.contents().sessions.len(), 201);
    assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (201, 201));
    let silence = tokio::time::timeout(secs(1), changes.next()).await;
    assert!(silence.is_err(), "somebody flickered: {silence:?}");
    // A session that was not written again would be gone by now.
    let late = world.process().await;
    assert_eq!(late.everyone().counts().online, 201);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_after_a_short_loss_of_data_waits_for_what_is_written_again() {
    let world = World::new();
    let one = world.process().await;
    world.pass(secs(5)).await;
    assert!(one.health().view.is_fresh());
    world.store.faults().go_down();
    world.pass(millis(100)).await;
    world.store.faults().come_back_empty();
    world.rest().await;
    let late = world.process().await;
    world.pass(secs(1)).await;
    assert_eq!((one.health().view.is_fresh(), late.health().view.is_fresh()), (false, false));
    world.pass(secs(2)).await;
    assert_eq!((one.health().view.is_fresh(), late.health().view.is_fresh()), (true, true));
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_lost_its_tail_is_healed() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    world.pass(secs(2)).await;
    world.store.faults().stop_replication();
    one.beat(enter("alice", "tab").topics(topics(&["/b"]))).await.unwrap();
    one.beat(enter("bob", "tab")).await.unwrap();
    let hold = other.hold(enter("carol", "s")).unwrap();
    world.pass(secs(1)).await;
    world.store.faults().fail_over_unnoticed();
    for _ in 0..3 {
        world.rest().await;
    }
    let late = world.process().await;
    assert_eq!(late.everyone().counts().online, 3);
    assert_eq!(late.topic(&topic("/b")).counts().online, 1);
    drop(hold);
}

#[tokio::test(start_paused = true)]
async fn it_starts_with_its_store_down_and_recovers() {
    let world = World::new();
    world.store.faults().go_down();
    let one = world.start(world.clock.clone());
    one.beat(enter("alice", "tab")).await.unwrap_err();
    assert_eq!(one.everyone().counts().online, 1);
    world.pass(secs(30)).await;
    one.beat(renew("alice", "tab")).await.unwrap_err();
    world.pass(secs(59)).await;
    assert_eq!(one.everyone().counts().online, 1);
    world.pass(secs(2)).await;
    assert_eq!(
        one.everyone().counts().online,
        0,
        "what the store never confirmed lapses by the process's own clock"
    );
    one.beat(enter("bob", "tab")).await.unwrap_err();
    world.store.faults().come_back();
    world.rest().await;
    one.ready().await;
    assert!(world.store.contents().sessions.keys().any(|key| key.user == user("bob")));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_outlives_an_outage_at_the_start_tells_the_time_that_was_not_to_be_had() {
    let world = World::new();
    // The feed of a network store does not end while its server is down: it is silent, and resumes
    // by itself.
    world.store.faults().inject(Call::Now, Fault::Fails(Kind::Unavailable));
    world.store.faults().inject(Call::Put, Fault::Fails(Kind::Unavailable));
    let presence = world.start(world.clock.clone());
    assert!(matches!(presence.beat(enter("ada", "tab")).await, Err(Error::Degraded(_))));
    world.store.faults().heal();
    world.rest().await;
    assert_eq!(presence.health().outbox, 0);
    assert_eq!(presence.health().store, StoreHealth::Up);
    let contents = world.store.contents();
    assert_eq!((contents.sessions.len(), contents.nodes.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_clock_is_wrong_agrees_with_the_others() {
    let world = World::new();
    let right = world.process().await;
    for ahead in [-30_i64, 30] {
        let skewed = ManualClock::at(Timestamp::from_millis(
            right.clock().now().as_millis().saturating_add_signed(ahead * 1_000),
        ));
        let wrong = world.start(skewed.clone());
        let name = format!("user{ahead}");
        // Even before the process knows the store's time.
        wrong.beat(enter(&name, "tab")).await.unwrap();
        let tick = async |n: u64| {
            for _ in 0..n * 4 {
                skewed.advance(Duration::from_millis(250)).await;
                world.pass(Duration::from_millis(250)).await;
            }
        };
        tick(2).await;
        wrong.beat(renew(&name, "tab")).await.unwrap();
        let hold = wrong.hold(enter(&name, "socket")).unwrap();
        tick(55).await;
        assert_eq!((liveness(&right, &name), liveness(&wrong, &name)), (Liveness::Active, Liveness::Active));
        drop(hold);
        tick(10).await;
        assert_eq!((liveness(&right, &name), liveness(&wrong, &name)), (Liveness::Gone, Liveness::Gone));
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Advances both times in small steps until `holds` returns true; returns how long that took.
async fn passes_until(world: &World, holds: impl Fn() -> bool) -> Duration {
    let begins = tokio::time::Instant::now();
    while !holds() {
        assert!(begins.elapsed() < secs(60), "it never holds");
        world.pass(millis(50)).await;
        tokio::time::sleep(millis(50)).await;
    }
    begins.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_writes_again_hears_of_this_process_before_its_next_beat_is_due() {
    let world = World::new();
    let one = world.process().await;
    let _hold = one.hold(enter("alice", "socket")).unwrap();
    world.pass(secs(3)).await;
    let beaten = || world.store.contents().nodes.values().map(|node| node.seen_at).max().unwrap();
    let last = beaten();
    passes_until(&world, || beaten() > last).await;
    // The next two heartbeats are refused, and a third one would come almost two seconds later.
    world.store.faults().refuse_writes();
    let refused = beaten();
    for _ in 0..42 {
        world.pass(millis(100)).await;
    }
    assert_eq!(beaten(), refused);
    world.store.faults().accept_writes();
    for _ in 0..9 {
        world.pass(millis(100)).await;
    }
    assert!(beaten() > refused, "the first proof of time has brought it about");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_writes_again_is_told_what_it_is_owed_before_the_backoff_is_over() {
    let world = World::new();
    let one = world.process().await;
    world.store.faults().refuse_writes();
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    let puts = || world.store.calls().puts;
    // When the backoff is at its longest, right after an attempt.
    for _ in 0..8 {
        let before = puts();
        passes_until(&world, || puts() > before).await;
    }
    assert_eq!(one.health().outbox, 1);
    world.store.faults().accept_writes();
    let waited = passes_until(&world, || one.health().outbox == 0).await;
    assert!(waited < millis(800), "the backoff alone takes a second at least, and this took {waited:?}");
}
