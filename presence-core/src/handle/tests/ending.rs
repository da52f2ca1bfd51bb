//! Time limits of calls and of the shutdown.

use super::*;
use crate::conformance::{Call, Fault};
use crate::handle::Error;
use crate::store::Kind;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_shutdown_takes_at_most_two_seconds() {
    for fault in [Fault::Hangs, Fault::Fails(Kind::Unavailable), Fault::HangsAfter] {
        let cluster = Cluster::new();
        let one = cluster.process().await;
        let _hold = one.hold(enter("held", "s")).unwrap();
        cluster.store.faults().inject_all(fault);
        let _ = one.beat(enter("alice", "tab")).await;
        let asked = Instant::now();
        one.shutdown().await;
        assert!(asked.elapsed() <= secs(2), "{fault:?}: {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_beat_whose_touch_misses_and_is_then_put_returns_within_two_seconds() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    one.beat(enter("alice", "tab")).await.unwrap();
    cluster.pass(secs(30)).await;
    // The store has lost the session unnoticed, so that the touch misses; the put hangs.
    cluster.store.faults().silence_all();
    cluster.store.faults().come_back_empty();
    cluster.store.faults().inject(Call::Put, Fault::Hangs);
    cluster.store.faults().inject(Call::Touch, Fault::Late(Duration::from_millis(1_200)));
    let asked = Instant::now();
    assert!(matches!(one.beat(renew("alice", "tab")).await, Err(Error::Degraded(_))));
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(1_200) && took <= secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_every_change_is_refused() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    one.beat(enter("alice", "tab")).await.unwrap();
    let mut updates = one.subscribe(&crate::Scope::All);
    updates.next().await;
    one.shutdown().await;
    one.ended().await;
    assert!(matches!(one.beat(enter("bob", "tab")).await, Err(Error::ShuttingDown)));
    assert!(matches!(one.leave(leave("alice", "tab")).await, Err(Error::ShuttingDown)));
    assert!(matches!(one.hold(enter("bob", "s")), Err(Error::ShuttingDown)));
    while let Some(update) = updates.next().await {
        drop(update);
    }
    assert!(cluster.store.contents().sessions.values().all(|session| session.placement.left.is_none()));
}
