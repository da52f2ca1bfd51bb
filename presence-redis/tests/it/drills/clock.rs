//! The server's clock steps: time goes on as before, for everybody.

use super::{Crowd, Process, hold_all, is_all, names, policy};
use crate::rig;
use presence_core::Presence;
use presence_redis::RedisStore;
use std::time::Duration;
use test_servers::redis::{Cluster, Redis, Sentinel};
use tokio::task::block_in_place;

/// Waits for what takes a second or a lease, and never as long as the shortest step: time that
/// stood still until the clock has caught up would be noticed.
async fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let within = tokio::time::timeout(Duration::from_secs(35), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(within.await.is_ok(), "waited in vain: {what}");
}

async fn nobody_notices(open: impl Fn() -> RedisStore, step: impl Fn(i64), steps: &[i64]) {
    let policy = || policy().lease_for(Duration::from_secs(8)).held_for(Duration::from_secs(8));
    let (one, other) = (Process::with(open(), policy()).await, Process::with(open(), policy()).await);
    let crowd = Crowd::at(&one.presence, names("beats", 10));
    let held = hold_all(&one.presence, &names("held", 10));
    for (round, ahead) in steps.iter().enumerate() {
        let silent = Crowd::at(&one.presence, names(&format!("silent{round}"), 5));
        let leaves = hold_all(&other.presence, &names(&format!("leaves{round}"), 5));
        let everybody = |process: &Process| process.online() == 30 && !process.is_stale();
        soon("everybody is seen", || everybody(&one) && everybody(&other)).await;
        step(*ahead);
        drop((silent, leaves));
        // One that starts meanwhile knows of nothing but what the server tells.
        let late = Process::of(Presence::builder(open()).policy(policy()).start().unwrap());
        let is_right = |process: &Process| process.online() == 20 && !process.is_stale();
        soon("who left and who is silent are gone", || is_right(&one) && is_right(&other)).await;
        soon("a newcomer sees the same", || is_right(&late)).await;
        let times = [&one, &other, &late].map(|process| process.presence.now());
        let apart = times.iter().max().unwrap().since(*times.iter().min().unwrap());
        assert!(apart < Duration::from_secs(10), "{ahead} s ahead, the processes' times differ by {apart:?}");
        // Time has gone on for longer than whatever could still lapse because of the step.
        let later = times[0] + policy().lease_for + Duration::from_secs(1);
        soon("time goes on", || one.presence.now() > later).await;
        assert!(is_right(&one) && is_right(&other) && is_right(&late));
        for (process, left) in [&one, &other].map(|process| (process, process.left())) {
            let of = |kind: &str| left.keys().filter(|name| name.starts_with(kind)).count();
            assert_eq!((of("beats"), of("held")), (0, 0), "false leaves: {left:?}");
            assert_eq!((of(&format!("silent{round}-")), of(&format!("leaves{round}-"))), (5, 5));
            assert!(left.values().all(|times| *times == 1), "{left:?}");
            assert_eq!(process.online(), 20);
        }
        let left = late.left();
        assert!(left.keys().all(|name| !name.starts_with("beats") && !name.starts_with("held")), "{left:?}");
    }
    drop((crowd, held));
}

async fn nobody_notices_on(server: Redis, steps: &[i64]) {
    let name = rig::unique();
    nobody_notices(|| rig::on(&server, &name), |ahead| server.set_clock(ahead), steps).await;
    block_in_place(|| server.kill());
}

/// Back by 45 s, ahead again; where all drills are run, by an hour as well: longer than the server
/// keeps keys that nobody renews.
fn steps() -> &'static [i64] {
    if is_all() { &[-45, 0, 45, -3_600, 3_600, 0] } else { &[-45, 0] }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_redis_steps() {
    nobody_notices_on(block_in_place(Redis::with_clock), steps()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_valkey_steps() {
    let steps = if is_all() { steps() } else { &[-45] };
    nobody_notices_on(block_in_place(Redis::valkey_with_clock), steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_leads_to_a_server_whose_clock_is_behind() {
    let (sentinel, name) = (block_in_place(Sentinel::with_clocks), rig::unique());
    let fails_over = |ahead| {
        let replica = sentinel.servers().iter().find(|server| server.port() != sentinel.master().port());
        block_in_place(|| {
            replica.unwrap().set_clock(ahead);
            sentinel.fail_over();
        });
    };
    nobody_notices(|| rig::through_sentinel(&sentinel, &name), fails_over, &[-45]).await;
    block_in_place(|| drop(sentinel));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_one_master_of_a_cluster_steps() {
    let (cluster, name) = (block_in_place(|| Cluster::with_clocks(3, 0)), rig::unique());
    let steps = if is_all() { steps() } else { &[-45] };
    let one = |ahead| cluster.nodes()[0].set_clock(ahead);
    nobody_notices(|| rig::on_cluster(&cluster, &name), one, steps).await;
    block_in_place(|| drop(cluster));
}
