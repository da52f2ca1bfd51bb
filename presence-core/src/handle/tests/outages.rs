//! Outages: the store fails, hangs, restarts empty, or loses its last writes.

use super::*;
use crate::conformance::{Call, Fault};
use crate::handle::{Error, StoreHealth};
use crate::store::Kind;

#[tokio::test(start_paused = true)]
async fn a_beat_that_cannot_be_stored_is_degraded_and_written_later() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    cluster.store.faults().inject(Call::Put, Fault::Fails(Kind::Unavailable));
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    assert!(matches!(one.health().store, StoreHealth::Down { .. }));
    assert_eq!(liveness(&one, "alice"), Liveness::Active);
    cluster.store.faults().restore();
    cluster.run_timers().await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    assert_eq!((one.health().store, one.health().outbox), (StoreHealth::Up, 0));
}

#[tokio::test(start_paused = true)]
async fn a_beat_returns_degraded_within_two_seconds_if_the_store_hangs() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    cluster.store.faults().inject(Call::Put, Fault::Hangs);
    let asked = tokio::time::Instant::now();
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    assert!(asked.elapsed() <= secs(2), "by the runtime's paused time");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_store_rejects_is_rolled_back() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    cluster.store.faults().inject(Call::Put, Fault::Fails(Kind::Rejected));
    assert!(matches!(one.beat(enter("bob", "tab")).await, Err(Error::Rejected(_))));
    assert!(matches!(one.beat(enter("alice", "tab").topics(topics(&["/b"]))).await, Err(Error::Rejected(_))));
    assert_eq!(one.everyone().counts().online, 1);
    assert_eq!(one.topic(&topic("/a")).counts().online, 1);
    assert_eq!(one.health().outbox, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_a_beat_does_not_revert_it() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    cluster.store.faults().inject(Call::Put, Fault::Hangs);
    let beat = one.beat(enter("alice", "tab"));
    assert!(tokio::time::timeout(Duration::from_millis(10), beat).await.is_err());
    cluster.store.faults().restore();
    cluster.run_timers().await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn nobody_with_heartbeats_leaves_while_the_store_is_down_for_three_leases() {
    let cluster = Cluster::with_shards(3);
    let (one, other) = (cluster.process().await, cluster.process().await);
    let hold = one.hold(enter("held", "s")).unwrap();
    for name in ["alice", "bob", "carol"] {
        one.beat(enter(name, "tab")).await.unwrap();
    }
    cluster.pass(secs(5)).await;
    let mut left = other.subscribe(&crate::Scope::All);
    left.next().await;
    cluster.store.faults().go_down();
    for _ in 0..9 {
        cluster.pass(secs(20)).await;
        for name in ["alice", "bob", "carol"] {
            // Degraded each time.
            one.beat(renew(name, "tab")).await.unwrap_err();
        }
        assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (4, 4));
    }
    assert_ne!(other.health().view, crate::time::View::Fresh);
    cluster.store.faults().come_back();
    for _ in 0..10 {
        cluster.run_timers().await;
        assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (4, 4));
    }
    assert_eq!(other.health().view, crate::time::View::Fresh);
    drop(hold);
    cluster.pass(secs(70)).await;
    assert_eq!(other.everyone().counts().online, 0, "all users lapse after their last heartbeat");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_restarts_empty_is_refilled_without_visible_changes() {
    let cluster = Cluster::with_shards(2);
    let (one, other) = (cluster.process().await, cluster.process().await);
    let _hold = one.hold(enter("held", "s")).unwrap();
    for n in 0..200 {
        one.beat(enter(&format!("user-{n}"), "tab")).await.unwrap();
    }
    cluster.pass(secs(3)).await;
    let mut changes = other.subscribe(&crate::Scope::All);
    changes.next().await;
    cluster.store.faults().come_back_empty();
    for _ in 0..4 {
        cluster.run_timers().await;
    }
    assert_eq!(cluster.store.contents().sessions.len(), 201);
    assert_eq!((one.everyone().counts().online, other.everyone().counts().online), (201, 201));
    let silence = tokio::time::timeout(secs(1), changes.next()).await;
    assert!(silence.is_err(), "a visible change: {silence:?}");
    // A process that starts now sees all sessions, so all were written again.
    let late = cluster.process().await;
    assert_eq!(late.everyone().counts().online, 201);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_after_a_loss_of_data_is_stale_until_others_had_time_to_rewrite() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    cluster.pass(secs(5)).await;
    assert!(one.health().view.is_fresh());
    cluster.store.faults().go_down();
    cluster.pass(millis(100)).await;
    cluster.store.faults().come_back_empty();
    cluster.run_timers().await;
    let late = cluster.process().await;
    cluster.pass(secs(1)).await;
    assert_eq!((one.health().view.is_fresh(), late.health().view.is_fresh()), (false, false));
    cluster.pass(secs(2)).await;
    assert_eq!((one.health().view.is_fresh(), late.health().view.is_fresh()), (true, true));
}

#[tokio::test(start_paused = true)]
async fn writes_that_a_failover_lost_are_written_again() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    one.beat(enter("alice", "tab").topics(topics(&["/a"]))).await.unwrap();
    cluster.pass(secs(2)).await;
    cluster.store.faults().stop_replication();
    one.beat(enter("alice", "tab").topics(topics(&["/b"]))).await.unwrap();
    one.beat(enter("bob", "tab")).await.unwrap();
    let hold = other.hold(enter("carol", "s")).unwrap();
    cluster.pass(secs(1)).await;
    cluster.store.faults().fail_over_unnoticed();
    for _ in 0..3 {
        cluster.run_timers().await;
    }
    let late = cluster.process().await;
    assert_eq!(late.everyone().counts().online, 3);
    assert_eq!(late.topic(&topic("/b")).counts().online, 1);
    drop(hold);
}

#[tokio::test(start_paused = true)]
async fn a_process_starts_while_its_store_is_down_and_recovers() {
    let cluster = Cluster::new();
    cluster.store.faults().go_down();
    let one = cluster.start(cluster.clock.clone());
    one.beat(enter("alice", "tab")).await.unwrap_err();
    assert_eq!(one.everyone().counts().online, 1);
    cluster.pass(secs(30)).await;
    one.beat(renew("alice", "tab")).await.unwrap_err();
    cluster.pass(secs(59)).await;
    assert_eq!(one.everyone().counts().online, 1);
    cluster.pass(secs(2)).await;
    assert_eq!(one.everyone().counts().online, 0, "an unconfirmed session lapses by the process's own clock");
    one.beat(enter("bob", "tab")).await.unwrap_err();
    cluster.store.faults().come_back();
    cluster.run_timers().await;
    one.ready().await;
    assert!(cluster.store.contents().sessions.keys().any(|key| key.user == user("bob")));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_could_not_read_the_stores_time_learns_it_from_the_feed() {
    let cluster = Cluster::new();
    // The feed of a network store does not end while its server is down: it is silent, and resumes
    // by itself.
    cluster.store.faults().inject(Call::Now, Fault::Fails(Kind::Unavailable));
    cluster.store.faults().inject(Call::Put, Fault::Fails(Kind::Unavailable));
    let presence = cluster.start(cluster.clock.clone());
    assert!(matches!(presence.beat(enter("ada", "tab")).await, Err(Error::Degraded(_))));
    cluster.store.faults().restore();
    cluster.run_timers().await;
    assert_eq!(presence.health().outbox, 0);
    assert_eq!(presence.health().store, StoreHealth::Up);
    let contents = cluster.store.contents();
    assert_eq!((contents.sessions.len(), contents.nodes.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_process_with_a_wrong_clock_shows_the_same_as_the_others() {
    let cluster = Cluster::new();
    let right = cluster.process().await;
    for ahead in [-30_i64, 30] {
        let skewed = ManualClock::at(Timestamp::from_millis(
            right.clock().now().as_millis().saturating_add_signed(ahead * 1_000),
        ));
        let wrong = cluster.start(skewed.clone());
        let name = format!("user{ahead}");
        // The first heartbeat comes before the process knows the store's time.
        wrong.beat(enter(&name, "tab")).await.unwrap();
        let tick = async |n: u64| {
            for _ in 0..n * 4 {
                skewed.advance(Duration::from_millis(250)).await;
                cluster.pass(Duration::from_millis(250)).await;
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

/// Advances the clock and the runtime's time in small steps until `holds` returns true; returns how
/// long that took.
async fn passes_until(cluster: &Cluster, holds: impl Fn() -> bool) -> Duration {
    let begins = tokio::time::Instant::now();
    while !holds() {
        assert!(begins.elapsed() < secs(60), "the condition never holds");
        cluster.pass(millis(50)).await;
        tokio::time::sleep(millis(50)).await;
    }
    begins.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_process_sends_an_extra_heartbeat_when_the_store_accepts_writes_again() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    let _hold = one.hold(enter("alice", "socket")).unwrap();
    cluster.pass(secs(3)).await;
    let beaten = || cluster.store.contents().nodes.values().map(|node| node.seen_at).max().unwrap();
    let last = beaten();
    passes_until(&cluster, || beaten() > last).await;
    // The store refuses two heartbeats; the next regular one is due almost two seconds after that.
    cluster.store.faults().refuse_writes();
    let refused = beaten();
    for _ in 0..42 {
        cluster.pass(millis(100)).await;
    }
    assert_eq!(beaten(), refused);
    cluster.store.faults().accept_writes();
    for _ in 0..9 {
        cluster.pass(millis(100)).await;
    }
    assert!(beaten() > refused, "the first proof has triggered a heartbeat");
}

#[tokio::test(start_paused = true)]
async fn the_outbox_is_written_before_its_backoff_ends_when_the_store_accepts_writes_again() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    cluster.store.faults().refuse_writes();
    assert!(matches!(one.beat(enter("alice", "tab")).await, Err(Error::Degraded(_))));
    let puts = || cluster.store.calls().puts;
    // The backoff is now at its longest, and has just begun.
    for _ in 0..8 {
        let before = puts();
        passes_until(&cluster, || puts() > before).await;
    }
    assert_eq!(one.health().outbox, 1);
    cluster.store.faults().accept_writes();
    let waited = passes_until(&cluster, || one.health().outbox == 0).await;
    assert!(waited < millis(800), "the backoff alone takes at least a second, and this took {waited:?}");
}
