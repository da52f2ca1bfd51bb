//! Time limits: of calls, and of the shutdown.

use super::*;
use crate::conformance::{Call, Fault};
use crate::handle::Error;
use crate::store::Kind;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn an_end_in_good_order_takes_two_seconds_at_most() {
    for fault in [Fault::Hangs, Fault::Fails(Kind::Unavailable), Fault::HangsAfter] {
        let world = World::new();
        let one = world.process().await;
        let _hold = one.hold(enter("held", "s")).unwrap();
        world.store.faults().inject_all(fault);
        let _ = one.beat(enter("alice", "tab")).await;
        let asked = Instant::now();
        one.shutdown().await;
        assert!(asked.elapsed() <= secs(2), "{fault:?}: {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_touch_that_misses_and_is_then_put_is_answered_within_two_seconds() {
    let world = World::new();
    let one = world.process().await;
    one.beat(enter("alice", "tab")).await.unwrap();
    world.pass(secs(30)).await;
    // The session is gone unnoticed, and both calls time out.
    world.store.faults().silence_all();
    world.store.faults().come_back_empty();
    world.store.faults().inject(Call::Put, Fault::Hangs);
    world.store.faults().inject(Call::Touch, Fault::Late(Duration::from_millis(1_200)));
    let asked = Instant::now();
    assert!(matches!(one.beat(renew("alice", "tab")).await, Err(Error::Degraded(_))));
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(1_200) && took <= secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_taken_any_more() {
    let world = World::new();
    let one = world.process().await;
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
    assert!(world.store.contents().sessions.values().all(|session| session.placement.left.is_none()));
}
