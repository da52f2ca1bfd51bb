//! Links are reset and leaders change again and again. Users who send heartbeats do not leave, and
//! users who stop sending them do.

use super::world::{Crowd, Process, hold_all, is_all, policy, until};
use crate::rig::{self, unique};
use presence_core::Presence;
use presence_nats::{NatsStore, Storage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use test_servers::Proxy;
use test_servers::nats::{Cluster, Nats};
use tokio::task::spawn_blocking;

/// Repeats `flap` until the returned flag is set.
fn again(mut flap: impl FnMut() + Send + 'static) -> Arc<AtomicBool> {
    let stops = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stops);
    spawn_blocking(move || {
        while !stopped.load(Ordering::Relaxed) {
            flap();
        }
    });
    stops
}

async fn only_silent_users_leave(
    open: impl Fn() -> NatsStore,
    goes_on: bool,
    flap: impl FnMut() + Send + 'static,
) {
    let policy = || policy().lease_for(Duration::from_secs(12)).held_for(Duration::from_secs(8));
    let (one, other) = (Process::with(open(), policy()).await, Process::with(open(), policy()).await);
    let crowd = Crowd::at(&one.presence, "beats", 10);
    let held = hold_all(&one, "held", 10);
    let silent = Crowd::at(&one.presence, "silent", 5);
    for process in [&one, &other] {
        until("everybody is seen", || async { process.online("/start") == 25 && process.is_fresh() }).await;
    }
    let stops = again(flap);
    let gone = silent.users.clone();
    drop(silent);
    if goes_on {
        // Time is proven often enough for silent users to leave, however long the disturbance
        // lasts.
        for process in [&one, &other] {
            until("the silent are gone", || async { process.saw_leave().is_superset(&gone) }).await;
        }
    } else {
        tokio::time::sleep(policy().lease_for * 2).await;
    }
    stops.store(true, Ordering::Relaxed);
    for process in [&one, &other] {
        until("the view is right", || async { process.online("/start") == 20 && process.is_fresh() }).await;
        assert_eq!(process.saw_leave(), gone);
    }
    // A process that starts now reports the same.
    let store = open();
    let late = Presence::builder(store.clone()).policy(policy()).start().unwrap();
    let late = Process::of(late, store).await;
    until("a newcomer sees the same", || async { late.online("/start") == 20 && late.is_fresh() }).await;
    drop((crowd, held));
}

/// Resets all links once in each period, and keeps them down for a part of it.
async fn links_are_reset(period: u64, down: u64) {
    let (period, down) = (Duration::from_millis(period), Duration::from_millis(down));
    let server = spawn_blocking(Nats::start).await.unwrap();
    let (link, name) = (Arc::new(Proxy::to(server.port())), unique());
    let open = || rig::at(&format!("nats://127.0.0.1:{}", link.port()), rig::options(&name, Storage::File));
    let reset = Arc::clone(&link);
    let goes_on = period >= Duration::from_secs(6);
    only_silent_users_leave(open, goes_on, move || {
        reset.cut();
        std::thread::sleep(down);
        reset.pass();
        std::thread::sleep(period.saturating_sub(down));
    })
    .await;
    spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test]
async fn only_silent_users_leave_while_links_are_reset_every_six_seconds() {
    links_are_reset(6_000, 200).await;
    if is_all() {
        for (period, down) in [(8_000, 4_000), (13_000, 5_000), (20_000, 10_000)] {
            links_are_reset(period, down).await;
        }
    }
}

#[tokio::test]
async fn only_silent_users_leave_while_links_are_down_most_of_the_time() {
    links_are_reset(1_300, 800).await;
    if is_all() {
        for (period, down) in [(1_000, 900), (2_000, 1_000), (2_040, 100), (3_000, 2_500), (5_000, 4_000)] {
            links_are_reset(period, down).await;
        }
    }
}

#[tokio::test]
async fn only_silent_users_leave_while_leaders_change_every_eight_seconds() {
    let cluster = Arc::new(spawn_blocking(Cluster::start).await.unwrap());
    let name = unique();
    let open = || rig::on_cluster(&cluster, &name);
    let (moved, streams) = (Arc::clone(&cluster), name.clone());
    only_silent_users_leave(open, true, move || {
        for stream in ["KV", "BEATS"] {
            let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}_{streams}");
            // A leader that was just elected cannot step down, so the answer is ignored.
            moved.nodes()[0].request(&subject, "");
        }
        std::thread::sleep(Duration::from_secs(8));
    })
    .await;
    spawn_blocking(move || drop(cluster)).await.unwrap();
}
