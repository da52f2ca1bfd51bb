//! A process that is cut off reports a stale view, and never that everybody left.

use super::*;
use crate::time::View;

async fn beat_every_15_s(cluster: &Cluster, one: &Presence, name: &str, rounds: u32) {
    for _ in 0..rounds {
        one.beat(renew(name, "tab")).await.unwrap();
        cluster.pass(secs(15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_session_ends_during_a_silence_of_six_and_a_half_seconds() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let _hold = one.hold(enter("alice", "s")).unwrap();
    cluster.pass(secs(5)).await;
    let mut views = other.watch_view();
    assert_eq!(views.next().await, Some(View::Fresh));
    for _ in 0..5 {
        cluster.store.faults().silence_all();
        cluster.pass(Duration::from_millis(6_500)).await;
        assert!(matches!(views.next().await, Some(View::Stale { .. })));
        assert!(matches!(other.health().view, View::Stale { .. }));
        cluster.store.faults().speak();
        cluster.pass(secs(2)).await;
        assert_eq!(liveness(&other, "alice"), Liveness::Active);
        // Other processes may still be rewriting what the store has lost.
        assert!(!other.health().view.is_fresh());
        cluster.pass(secs(2)).await;
        assert_eq!(other.health().view, View::Fresh);
        assert_eq!(views.next().await, Some(View::Fresh));
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_turns_stale_three_seconds_after_the_last_proof_even_if_nothing_is_due() {
    let cluster = Cluster::new();
    let here = cluster.process().await;
    cluster.pass(secs(4)).await;
    let mut views = here.watch_view();
    assert_eq!(views.next().await, Some(View::Fresh));
    cluster.store.faults().silence_all();
    cluster.pass(secs(3)).await;
    assert_eq!(views.get(), View::Fresh);
    cluster.pass(Duration::from_millis(1)).await;
    assert!(matches!(views.get(), View::Stale { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_silent_for_an_hour_freezes_only_its_own_users() {
    let cluster = Cluster::with_shards(2);
    let (one, other) = (cluster.process().await, cluster.process().await);
    let names: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    let shard = |name: &str| crate::PresenceStore::shard_of(&cluster.store, &user(name));
    for name in &names {
        one.beat(enter(name, "tab")).await.unwrap();
    }
    let holds: Vec<_> = names.iter().map(|name| one.hold(enter(name, "socket")).unwrap()).collect();
    cluster.pass(secs(2)).await;
    cluster.store.faults().silence(0);
    cluster.pass(secs(3_600)).await;
    assert_eq!(other.everyone().counts().online, 20);
    // Leaves in the connected shard are seen; nothing is known of the silent one.
    let alive = names.iter().filter(|name| shard(name) == 1).count();
    drop(holds);
    cluster.pass(secs(60)).await;
    assert_eq!(other.everyone().counts().online as usize, 20 - alive);
    cluster.store.faults().speak();
    // The hour does not count toward ages: sessions that were seen shortly before it now have the
    // rest of their lease.
    cluster.pass(secs(30)).await;
    assert_eq!(other.everyone().counts().online as usize, 20 - alive);
    cluster.pass(secs(40)).await;
    assert_eq!(other.everyone().counts().online, 0);
}

#[tokio::test(start_paused = true)]
async fn no_session_ends_when_the_stores_clock_steps_by_ten_seconds() {
    for jump in [10_000, -10_000] {
        let cluster = Cluster::new();
        let (one, other) = (cluster.process().await, cluster.process().await);
        let _hold = one.hold(enter("held", "s")).unwrap();
        one.beat(enter("alice", "tab")).await.unwrap();
        beat_every_15_s(&cluster, &one, "alice", 2).await;
        cluster.store.faults().jump_clock(jump);
        for _ in 0..120 {
            cluster.pass(Duration::from_millis(500)).await;
            one.beat(renew("alice", "tab")).await.unwrap();
            assert_eq!(
                (liveness(&other, "held"), liveness(&other, "alice")),
                (Liveness::Active, Liveness::Active)
            );
            assert_eq!(
                (liveness(&one, "held"), liveness(&one, "alice")),
                (Liveness::Active, Liveness::Active)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_session_ends_when_a_backlog_of_ten_seconds_is_delivered_at_once() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let _hold = one.hold(enter("held", "s")).unwrap();
    cluster.pass(secs(2)).await;
    let mut changes = other.subscribe(&crate::Scope::All);
    changes.next().await;
    for _ in 0..3 {
        cluster.store.faults().silence_all();
        cluster.pass(secs(10)).await;
        cluster.store.faults().speak();
        cluster.pass(secs(10)).await;
    }
    assert!(tokio::time::timeout(secs(1), changes.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_missing_from_a_new_snapshot_lapses_after_a_lease_unless_confirmed() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    // The process of both users is gone, so that nobody rewrites them; one user still sends
    // heartbeats through another process.
    one.beat(enter("ghost", "tab")).await.unwrap();
    one.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(2)).await;
    drop(one);
    cluster.store.faults().come_back_empty();
    for _ in 0..3 {
        cluster.run_timers().await;
    }
    assert_eq!(other.everyone().counts().online, 2);
    other.beat(renew("alice", "tab")).await.unwrap();
    cluster.pass(secs(40)).await;
    assert_eq!(other.everyone().counts().online, 2);
    cluster.pass(secs(19)).await;
    other.beat(renew("alice", "tab")).await.unwrap();
    cluster.pass(secs(13)).await;
    assert_eq!((liveness(&other, "ghost"), liveness(&other, "alice")), (Liveness::Gone, Liveness::Active));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_leave_was_lost_is_not_kept_alive_by_its_node() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let hold = one.hold(enter("ghost", "s")).unwrap();
    cluster.pass(secs(3_600)).await;
    // The leave is lost together with the store's data, while the node keeps sending heartbeats.
    cluster.store.faults().silence_all();
    drop(hold);
    cluster.store.faults().come_back_empty();
    cluster.store.faults().speak();
    for _ in 0..3 {
        cluster.run_timers().await;
    }
    cluster.pass(secs(20)).await;
    assert_eq!((liveness(&one, "ghost"), liveness(&other, "ghost")), (Liveness::Gone, Liveness::Gone));
}
