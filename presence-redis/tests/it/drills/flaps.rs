//! Connections that are reset again and again: no user who sends heartbeats leaves, and every user
//! who has stopped lapses.

use super::{Crowd, Process, eventually, hold_all, is_all, names};
use crate::rig;
use presence_core::Presence;
use presence_redis::RedisStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use test_servers::Proxy;
use test_servers::redis::Redis;
use tokio::task::{block_in_place, spawn_blocking};

/// Cuts all connections every `period`, each time for `down`, until the returned flag is set.
fn flap(proxy: &Arc<Proxy>, period: Duration, down: Duration) -> Arc<AtomicBool> {
    let (stops, proxy) = (Arc::new(AtomicBool::new(false)), Arc::clone(proxy));
    let stopped = Arc::clone(&stops);
    spawn_blocking(move || {
        while !stopped.load(Ordering::Relaxed) {
            proxy.cut();
            std::thread::sleep(down);
            proxy.pass();
            std::thread::sleep(period.saturating_sub(down));
        }
    });
    stops
}

async fn check_resets(period: Duration, down: Duration) {
    let server = Redis::start();
    let proxy = Arc::new(Proxy::to(server.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let name = rig::unique();
    let policy = || super::policy().lease_for(Duration::from_secs(12)).held_for(Duration::from_secs(8));
    let open = || RedisStore::connect(&url, rig::options(&name)).unwrap();
    let (one, other) = (Process::with(open(), policy()).await, Process::with(open(), policy()).await);
    let crowd = Crowd::at(&one.presence, names("beats", 10));
    let held = hold_all(&one.presence, &names("held", 10));
    let silent = Crowd::at(&one.presence, names("silent", 5));
    let everybody = |process: &Process| process.online() == 25 && !process.is_stale();
    eventually("everybody is seen", || everybody(&one) && everybody(&other)).await;
    let stops = flap(&proxy, period, down);
    let is_gone = |process: &Process| names("silent", 5).iter().all(|name| !process.is_online(name));
    drop(silent);
    if period >= Duration::from_secs(6) {
        // Time is proven often enough between the resets, so that silent users lapse while the
        // resets continue.
        eventually("the silent are gone", || is_gone(&one) && is_gone(&other)).await;
    } else {
        tokio::time::sleep(policy().lease_for * 2).await;
    }
    stops.store(true, Ordering::Relaxed);
    eventually("the silent are gone in the end", || is_gone(&one) && is_gone(&other)).await;
    let calm = |process: &Process| process.online() == 20 && !process.is_stale();
    eventually("both views are right", || calm(&one) && calm(&other)).await;
    for process in [&one, &other] {
        let left = process.left();
        assert!(left.keys().all(|name| name.starts_with("silent")), "false leaves: {left:?}");
    }
    // A process that starts now sees the same.
    let late = Process::of(Presence::builder(open()).policy(policy()).start().unwrap());
    eventually("a newcomer sees the same", || calm(&late)).await;
    drop((crowd, held));
    block_in_place(|| server.kill());
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_every_six_seconds_cause_no_false_or_missing_leave() {
    check_resets(Duration::from_secs(6), Duration::from_millis(200)).await;
    if is_all() {
        for (period, down) in [(8_000, 4_000), (13_000, 5_000), (20_000, 10_000)] {
            let (period, down) = (Duration::from_millis(period), Duration::from_millis(down));
            check_resets(period, down).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_down_most_of_the_time_cause_no_false_or_missing_leave() {
    check_resets(Duration::from_millis(1_300), Duration::from_millis(800)).await;
    if is_all() {
        for (period, down) in [(1_000, 900), (2_000, 1_000), (2_040, 100), (3_000, 2_500), (5_000, 4_000)] {
            let (period, down) = (Duration::from_millis(period), Duration::from_millis(down));
            check_resets(period, down).await;
        }
    }
}
