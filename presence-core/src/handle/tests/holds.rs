//! Holds: sessions bound to connections.

use super::*;
use crate::handle::Error;
use crate::{Activity, Status};

#[tokio::test(start_paused = true)]
async fn a_held_session_stays_alive_with_its_process_without_writes() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let holds: Vec<_> = (0..100).map(|n| one.hold(enter(&format!("user-{n}"), "socket")).unwrap()).collect();
    for hold in &holds {
        hold.stored().await.unwrap();
    }
    let before = cluster.store.calls();
    cluster.pass(secs(3_600)).await;
    assert_eq!(other.everyone().counts().online, 100);
    let calls = cluster.store.calls();
    assert_eq!(calls.puts, before.puts);
    assert!(
        calls.touch_entries - before.touch_entries <= 2 * 1_801,
        "one heartbeat of each process in two seconds"
    );
    // A process that starts now finds sessions that were last seen an hour ago, and their node's
    // recent heartbeat.
    let late = cluster.process().await;
    assert_eq!(late.everyone().counts().online, 100);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_hold_leaves_after_the_grace() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let (alice, bob) = (one.hold(enter("alice", "s")).unwrap(), one.hold(enter("bob", "s")).unwrap());
    cluster.pass(secs(1)).await;
    drop(alice);
    bob.leave_now();
    cluster.pass(secs(1)).await;
    assert_eq!((liveness(&other, "alice"), liveness(&other, "bob")), (Liveness::Active, Liveness::Gone));
    cluster.pass(secs(5)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
}

#[tokio::test(start_paused = true)]
async fn the_late_close_of_a_replaced_connection_ends_nothing() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let first = one.hold(enter("alice", "s")).unwrap();
    cluster.pass(secs(1)).await;
    let second = one.hold(enter("alice", "s")).unwrap();
    drop(first);
    cluster.pass(secs(10)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    // The same across processes: the session has moved, so the end of the old connection has no
    // effect.
    let third = other.hold(enter("alice", "s")).unwrap();
    cluster.pass(secs(1)).await;
    drop(second);
    cluster.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Active, Liveness::Active));
    drop(third);
    cluster.pass(secs(10)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_killed_process_are_gone_within_ten_seconds_and_no_others() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let hold = one.hold(enter("alice", "s")).unwrap();
    let _stays = other.hold(enter("bob", "s")).unwrap();
    one.beat(enter("carol", "tab")).await.unwrap();
    cluster.pass(secs(5)).await;
    // As if the process were killed: it writes nothing more, not even when its hold is dropped.
    cluster.store.faults().stop_replication();
    std::mem::forget(hold);
    drop(one);
    cluster.pass(secs(10)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    assert_eq!((liveness(&other, "bob"), liveness(&other, "carol")), (Liveness::Active, Liveness::Active));
}

#[tokio::test(start_paused = true)]
async fn nobody_leaves_while_a_process_drains_and_clients_reconnect() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let (alice, bob) = (one.hold(enter("alice", "s")).unwrap(), one.hold(enter("bob", "s")).unwrap());
    cluster.pass(secs(5)).await;
    one.drain(secs(20)).await;
    assert_eq!(one.draining().await, secs(20));
    assert!(matches!(one.hold(enter("carol", "s")), Err(Error::ShuttingDown)));
    drop((alice, bob));
    one.shutdown().await;
    assert!(matches!(one.beat(enter("carol", "s")).await, Err(Error::ShuttingDown)));
    cluster.pass(secs(15)).await;
    assert_eq!(other.everyone().counts().online, 2);
    let _back = other.hold(enter("alice", "s")).unwrap();
    cluster.pass(secs(10)).await;
    assert_eq!((liveness(&other, "alice"), liveness(&other, "bob")), (Liveness::Active, Liveness::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_hold_changes_topics_and_status_and_reports_activity() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let hold = one.hold(enter("alice", "s").topics(topics(&["/a"]))).unwrap();
    cluster.pass(secs(301)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Idle);
    hold.active(Activity::Now);
    hold.place(topics(&["/b"])).unwrap();
    hold.declare(Status::Busy).unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    assert_eq!(other.topic(&topic("/a")).counts().online, 0);
    assert_eq!(other.topic(&topic("/b")).counts().online, 1);
    assert_eq!(other.user(&user("alice")).unwrap().member.status, Status::Busy);
}

#[tokio::test(start_paused = true)]
async fn the_held_sessions_of_a_process_return_after_it_pauses_for_ten_seconds() {
    let cluster = Cluster::new();
    // A process with a clock of its own, which stands still while other processes run.
    let own = ManualClock::at(START);
    let paused = cluster.start(own.clone());
    own.advance(secs(1)).await;
    let other = cluster.process().await;
    let _hold = paused.hold(enter("alice", "s")).unwrap();
    for _ in 0..5 {
        own.advance(secs(1)).await;
        cluster.pass(secs(1)).await;
    }
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
    cluster.pass(secs(11)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Gone);
    own.advance(secs(3)).await;
    cluster.pass(secs(1)).await;
    assert_eq!(liveness(&other, "alice"), Liveness::Active);
}

#[tokio::test(start_paused = true)]
async fn activity_of_a_connection_reverts_a_leave_from_another_process() {
    let cluster = Cluster::new();
    let (one, other) = (cluster.process().await, cluster.process().await);
    let hold = one.hold(enter("alice", "s")).unwrap();
    cluster.pass(secs(2)).await;
    other.leave(leave("alice", "s").immediately()).await.unwrap();
    cluster.pass(secs(1)).await;
    assert_eq!(liveness(&one, "alice"), Liveness::Gone);
    hold.active(Activity::Now);
    cluster.pass(secs(1)).await;
    assert_eq!((liveness(&one, "alice"), liveness(&other, "alice")), (Liveness::Active, Liveness::Active));
}
