//! Holds: sessions bound to connections.

use super::*;
use crate::handle::Error;
use crate::{Activity, Status};

#[tokio::test(start_paused = true)]
async fn a_held_session_lives_with_its_process_at_no_cost() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let holds: Vec<_> = (0..100).map(|n| one.hold(enter(&format!("user-{n}"), "socket")).unwrap()).collect();
    for hold in &holds {
        hold.stored().await.unwrap();
    }
    let before = world.store.calls();
    world.pass(secs(3_600)).await;
    assert_eq!(other.everyone().counts().online, 100);
    let calls = world.store.calls();
    assert_eq!(calls.puts, before.puts);
    assert!(calls.touch_entries - before.touch_entries <= 2 * 1_801, "one beat per process and two seconds");
    // For a process that starts now, the sessions' own last heartbeats are an hour old, but not
    // that of their node.
    let late = world.process().await;
    assert_eq!(late.everyone().counts().online, 100);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_hold_leaves_after_the_grace() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let (alice, bob) = (one.hold(enter("alice", "s")).unwrap(), one.hold(enter("bob", "s")).unwrap());
    world.pass(secs(1)).await;
    drop(alice);
    bob.leave_now();
    world.pass(secs(1)).await;
    assert_eq!((liveness(&other, "alice"), liveness(&other, "bob")), (Liveness::Active, Liveness::Gone));
    world.pass(secs(5)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
}

#[tokio::test(start_paused = true)]
async fn the_late_close_of_a_replaced_connection_ends_nothing() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let first = one.hold(enter("alice", "s")).unwrap();
    world.pass(secs(1)).await;
    let second = one.hold(enter("alice", "s")).unwrap();
    drop(first);
    world.pass(secs(10)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    // The same across processes: the session has moved, and the old connection has no effect.
    let third = other.hold(enter("alice", "s")).unwrap();
    world.pass(secs(1)).await;
    drop(second);
    world.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Active, Liveness::Active));
    drop(third);
    world.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_is_noticed_within_ten_seconds_and_nobody_else_leaves() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let hold = one.hold(enter("alice", "s")).unwrap();
    let _stays = other.hold(enter("bob", "s")).unwrap();
    one.beat(enter("carol", "tab")).await.unwrap();
    world.pass(secs(5)).await;
    // As when the process is killed: nothing is written any more, not even by dropping the hold.
    world.store.faults().stop_replication();
    std::mem::forget(hold);
    drop(one);
    world.pass(secs(10)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    assert_eq!((liveness(&other, "bob"), liveness(&other, "carol")), (Liveness::Active, Liveness::Active));
}

#[tokio::test(start_paused = true)]
async fn draining_shows_nobody_leave() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let (alice, bob) = (one.hold(enter("alice", "s")).unwrap(), one.hold(enter("bob", "s")).unwrap());
    world.pass(secs(5)).await;
    one.drain(secs(20)).await;
    assert_eq!(one.draining().await, secs(20));
    assert!(matches!(one.hold(enter("carol", "s")), Err(Error::ShuttingDown)));
    drop((alice, bob));
    one.shutdown().await;
    assert!(matches!(one.beat(enter("carol", "s")).await, Err(Error::ShuttingDown)));
    world.pass(secs(15)).await;
    assert_eq!(other.everyone().counts().online, 2);
    let _back = other.hold(enter("alice", "s")).unwrap();
    world.pass(secs(10)).await;
    assert_eq!((liveness(&other, "alice"), liveness(&other, "bob")), (Liveness::Active, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_hold_moves_declares_and_tells_of_activity() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let hold = one.hold(enter("alice", "s").topics(topics(&["/a"]))).unwrap();
    world.pass(secs(301)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Idle);
    hold.active(Activity::Now);
    hold.place(topics(&["/b"])).unwrap();
    hold.declare(Status::Busy).unwrap();
    world.pass(secs(1)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    assert_eq!(other.topic(&topic("/a")).counts().online, 0);
    assert_eq!(other.topic(&topic("/b")).counts().online, 1);
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Busy);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_paused_ten_seconds_comes_back_with_all_it_holds() {
    let world = World::new();
    // A process with a clock of its own, which stands still while the others go on.
    let own = ManualClock::at(START);
    let paused = world.start(own.clone());
    own.advance(secs(1)).await;
    let other = world.process().await;
    let _hold = paused.hold(enter("alice", "s")).unwrap();
    for _ in 0..5 {
        own.advance(secs(1)).await;
        world.pass(secs(1)).await;
    }
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    world.pass(secs(11)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    own.advance(secs(3)).await;
    world.pass(secs(1)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn a_leave_from_elsewhere_does_not_end_a_connection_that_is_heard() {
    let world = World::new();
    let (one, other) = (world.process().await, world.process().await);
    let hold = one.hold(enter("alice", "s")).unwrap();
    world.pass(secs(2)).await;
    other.leave(leave("alice", "s").immediately()).await.unwrap();
    world.pass(secs(1)).await;
    assert_eq!(liveness(&one, "alice"), Liveness::Gone);
    hold.active(Activity::Now);
    world.pass(secs(1)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Active, Liveness::Active));
}
