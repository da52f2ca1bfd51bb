//! A process that is cut off reports a stale view, and never that everybody left.

use super::*;
use crate::time::View;

async fn beating(world: &World, one: &Presence, name: &str, rounds: u32) {
    for _ in 0..rounds {
        one.beat(renew(name, "tab")).await.unwrap();
        world.pass(secs(15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_of_six_and_a_half_seconds_without_a_disconnect_ends_nobody() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let _hold = one.hold(enter("alice", "s")).unwrap();
    world.pass(secs(5)).await;
    let mut views = other.watch_view();
    assert_eq!(views.next().await, Some(View::Fresh));
    for _ in 0..5 {
        world.store.faults().silence_all();
        world.pass(Duration::from_millis(6_500)).await;
        assert!(matches!(views.next().await, Some(View::Stale { .. })));
        assert!(matches!(other.health().view, View::Stale { .. }));
        world.store.faults().speak();
        world.pass(secs(2)).await;
        assert_eq!(liveness(&other, "alice"), Liveness::Active);
        // Other processes may still be rewriting what the store has lost.
        assert!(!other.health().view.is_fresh());
        world.pass(secs(2)).await;
        assert_eq!(other.health().view, View::Fresh);
        assert_eq!(views.next().await, Some(View::Fresh));
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_turns_stale_three_seconds_after_the_last_proof_although_nothing_is_due() {
    let world = World::new();
    let here = world.process().await;
    world.pass(secs(4)).await;
    let mut views = here.watch_view();
    assert_eq!(views.next().await, Some(View::Fresh));
    world.store.faults().silence_all();
    world.pass(secs(3)).await;
    assert_eq!(views.get(), View::Fresh);
    world.pass(Duration::from_millis(1)).await;
    assert!(matches!(views.get(), View::Stale { .. }));
}

#[tokio::test(start_paused = true)]
async fn one_shard_dead_for_an_hour_freezes_its_users_only() {
    let world = World::with_shards(2);
    let (one, other) = (world.process().await, world.process().await);
    let names: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    let shard = |name: &str| crate::PresenceStore::shard_of(&world.store, &user(name));
    for name in &names {
        one.beat(enter(name, "tab")).await.unwrap();
    }
    let holds: Vec<_> = names.iter().map(|name| one.hold(enter(name, "socket")).unwrap()).collect();
    world.pass(secs(2)).await;
    world.store.faults().silence(0);
    world.pass(secs(3_600)).await;
    assert_eq!(other.everyone().counts().online, 20);
    // Leaves in the working shard are seen; nothing is known of the other one.
    let alive = names.iter().filter(|name| shard(name) == 1).count();
    drop(holds);
    world.pass(secs(60)).await;
    assert_eq!(other.everyone().counts().online as usize, 20 - alive);
    world.store.faults().speak();
    // The hour does not count into ages: sessions seen shortly before it keep their lease from here
    // on.
    world.pass(secs(30)).await;
    assert_eq!(other.everyone().counts().online as usize, 20 - alive);
    world.pass(secs(40)).await;
    assert_eq!(other.everyone().counts().online, 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_clock_that_jumps_ten_seconds_ends_nobody() {
    for jump in [10_000, -10_000] {
        let world = World::new();
        let (one, other) = (world.process().await, world.process().await);
        let _hold = one.hold(enter("held", "s")).unwrap();
        one.beat(enter("alice", "tab")).await.unwrap();
        beating(&world, &one, "alice", 2).await;
        world.store.faults().jump_clock(jump);
        for _ in 0..120 {
            world.pass(Duration::from_millis(500)).await;
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
async fn a_backlog_of_ten_seconds_delivered_at_once_ends_nobody() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let _hold = one.hold(enter("held", "s")).unwrap();
    world.pass(secs(2)).await;
    let mut changes = other.subscribe(&crate::Scope::All);
    changes.next().await;
    for _ in 0..3 {
        world.store.faults().silence_all();
        world.pass(secs(10)).await;
        world.store.faults().speak();
        world.pass(secs(10)).await;
    }
    assert!(tokio::time::timeout(secs(1), changes.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_in_a_new_snapshot_goes_a_lease_later_unless_confirmed() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    // Two users whose process is gone, so that it does not rewrite them; one still sends heartbeats
    // elsewhere.
    one.beat(enter("ghost", "tab")).await.unwrap();
    one.beat(enter("alice", "tab")).await.unwrap();
    world.pass(secs(2)).await;
    drop(one);
    world.store.faults().come_back_empty();
    for _ in 0..3 {
        world.rest().await;
    }
    assert_eq!(other.everyone().counts().online, 2);
    other.beat(renew("alice", "tab")).await.unwrap();
    world.pass(secs(40)).await;
    assert_eq!(other.everyone().counts().online, 2);
    world.pass(secs(19)).await;
    other.beat(renew("alice", "tab")).await.unwrap();
    world.pass(secs(13)).await;
    assert_eq!((liveness(&other, "ghost"), liveness(&other, "alice")), (Liveness::Gone, Liveness::Active));
}

#[tokio::test(start_paused = true)]
async fn a_ghost_is_not_kept_alive_by_its_node() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let hold = one.hold(enter("ghost", "s")).unwrap();
    world.pass(secs(3_600)).await;
    // The leave is lost together with the store's data; the node goes on sending heartbeats.
    world.store.faults().silence_all();
    drop(hold);
    world.store.faults().come_back_empty();
    world.store.faults().speak();
    for _ in 0..3 {
        world.rest().await;
    }
    world.pass(secs(20)).await;
    assert_eq!((liveness(&one, "ghost"), liveness(&other, "ghost")), (Liveness::Gone, Liveness::Gone));
}
