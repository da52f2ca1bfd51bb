//! Steps of the server's clock: presence time continues in every process, so that no session leaves
//! too early or too late.

use super::{Crowd, Process, hold_all, is_all, names, policy};
use crate::rig;
use presence_core::Presence;
use presence_redis::RedisStore;
use std::time::Duration;
use test_servers::redis::{Cluster, Redis, Sentinel};
use tokio::task::block_in_place;

/// Waits for a condition for 35 s: longer than a lease, and less than the smallest step of a clock.
/// If time stood still until the clock had caught up, the condition would be too late.
async fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let within = tokio::time::timeout(Duration::from_secs(35), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(within.await.is_ok(), "waited in vain: {what}");
}

async fn check_steps(open: impl Fn() -> RedisStore, step: impl Fn(i64), steps: &[i64]) {
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
        // A process that starts after the step knows only the server's data.
        let late = Process::of(Presence::builder(open()).policy(policy()).start().unwrap());
        let is_right = |process: &Process| process.online() == 20 && !process.is_stale();
        soon("who left and who is silent are gone", || is_right(&one) && is_right(&other)).await;
        soon("a newcomer sees the same", || is_right(&late)).await;
        let times = [&one, &other, &late].map(|process| process.presence.now());
        let apart = times.iter().max().unwrap().since(*times.iter().min().unwrap());
        assert!(apart < Duration::from_secs(10), "{ahead} s ahead, the processes' times differ by {apart:?}");
        // Waits for longer than a lease: until then the step could still make a session lapse.
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

async fn check_steps_on(server: Redis, steps: &[i64]) {
    let name = rig::unique();
    check_steps(|| rig::on(&server, &name), |ahead| server.set_clock(ahead), steps).await;
    block_in_place(|| server.kill());
}

/// How many seconds the clock is ahead after each step: first 45 s behind, then right again. If all
/// drills are run, there are steps of an hour as well: longer than the server keeps keys that
/// nobody renews.
fn steps() -> &'static [i64] {
    if is_all() { &[-45, 0, 45, -3_600, 3_600, 0] } else { &[-45, 0] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_step_on_redis_causes_no_false_or_missing_leave() {
    check_steps_on(block_in_place(Redis::with_clock), steps()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_step_on_valkey_causes_no_false_or_missing_leave() {
    let steps = if is_all() { steps() } else { &[-45] };
    check_steps_on(block_in_place(Redis::valkey_with_clock), steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_server_whose_clock_is_behind_causes_no_false_or_missing_leave() {
    let (sentinel, name) = (block_in_place(Sentinel::with_clocks), rig::unique());
    let fails_over = |ahead| {
        let replica = sentinel.servers().iter().find(|server| server.port() != sentinel.master().port());
        block_in_place(|| {
            replica.unwrap().set_clock(ahead);
            sentinel.fail_over();
        });
    };
    check_steps(|| rig::through_sentinel(&sentinel, &name), fails_over, &[-45]).await;
    block_in_place(|| drop(sentinel));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_step_on_one_cluster_master_causes_no_false_or_missing_leave() {
    let (cluster, name) = (block_in_place(|| Cluster::with_clocks(3, 0)), rig::unique());
    let steps = if is_all() { steps() } else { &[-45] };
    let one = |ahead| cluster.nodes()[0].set_clock(ahead);
    check_steps(|| rig::on_cluster(&cluster, &name), one, steps).await;
    block_in_place(|| drop(cluster));
}
