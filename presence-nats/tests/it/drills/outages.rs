//! Outages of the server, of a leader, of a link or of a process: nobody is reported as gone who is
//! not, and all changes are stored afterwards.

use super::world::{Process, World, enter, outside, until};
use crate::rig::{self, unique};
use presence_core::UserId;
use presence_nats::{NatsStore, Storage};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use test_servers::Proxy;
use test_servers::nats::{BlackHole, Cluster, Leaf, Nats};

/// The lengths of the outages. Both are longer than every lease in use, so all sessions would lapse
/// if time were proven meanwhile.
const FIVE: Duration = Duration::from_secs(5);
const TEN: Duration = Duration::from_secs(10);

async fn server() -> Arc<Nats> {
    Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap())
}

async fn world(open: impl Fn() -> NatsStore) -> World {
    World::start(open(), open()).await
}

#[tokio::test]
async fn nobody_leaves_while_the_server_is_down_for_five_seconds() {
    let (server, name) = (server().await, unique());
    let open = || rig::on(&server, &name, Storage::File);
    let world = world(open).await;
    let killed = Arc::clone(&server);
    outside(move || killed.kill()).await;
    world.change().await;
    tokio::time::sleep(FIVE).await;
    world.is_stale().await;
    let restarted = Arc::clone(&server);
    outside(move || restarted.restart()).await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_server_hangs_for_ten_seconds() {
    let (server, name) = (server().await, unique());
    let open = || rig::on(&server, &name, Storage::File);
    let world = world(open).await;
    let paused = Arc::clone(&server);
    outside(move || paused.pause()).await;
    // A paused server receives requests and executes them when it is resumed, after they have timed
    // out.
    world.change().await;
    tokio::time::sleep(TEN).await;
    world.is_stale().await;
    let resumed = Arc::clone(&server);
    outside(move || resumed.resume()).await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn sessions_are_stored_again_after_the_server_restarts_empty() {
    let (server, name) = (server().await, unique());
    let open = || rig::on(&server, &name, Storage::Memory);
    let world = world(open).await;
    let restarted = Arc::clone(&server);
    outside(move || restarted.restart()).await;
    world.change().await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn sessions_are_stored_again_after_the_bucket_is_deleted() {
    let (server, name) = (server().await, unique());
    let open = || rig::on(&server, &name, Storage::File);
    let world = world(open).await;
    let (deleted, streams) = (Arc::clone(&server), name.clone());
    outside(move || rig::lose(&deleted, &streams)).await;
    world.change().await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn a_process_whose_link_drops_all_data_is_stale_and_recovers() {
    let (server, name) = (server().await, unique());
    let link = Arc::new(BlackHole::before(&server));
    let through = || rig::at(&link.url(), rig::options(&name, Storage::File));
    let direct = || rig::on(&server, &name, Storage::File);
    // One process is behind the link. The other process reports the first one's users as gone,
    // since it receives no heartbeats from it.
    let one = Process::start(through()).await;
    let other = Process::start(direct()).await;
    let hold = one.presence.hold(enter("behind", "/start")).unwrap();
    hold.stored().await.unwrap();
    let near = other.presence.hold(enter("before", "/start")).unwrap();
    near.stored().await.unwrap();
    for process in [&one, &other] {
        until("both are here", || async { process.online("/start") == 2 }).await;
    }
    let held_back = Arc::clone(&link);
    outside(move || held_back.hold_back()).await;
    hold.place(presence_core::Topics::new([super::world::topic("/moved")]).unwrap()).unwrap();
    until("who is cut off says so", || async { one.was_stale() && !one.is_fresh() }).await;
    tokio::time::sleep(TEN).await;
    assert_eq!(one.saw_leave(), BTreeSet::new(), "who is cut off sees nobody leave");
    let passed = Arc::clone(&link);
    outside(move || passed.pass()).await;
    for process in [&one, &other] {
        until("the move arrives", || async { process.online("/moved") == 1 && process.is_fresh() }).await;
        until("both are here again", || async { process.presence.everyone().counts().online == 2 }).await;
    }
    assert_eq!(one.saw_leave(), BTreeSet::new());
    assert!(!other.was_stale(), "the link of the other was up all the time");
}

#[tokio::test]
async fn nobody_leaves_after_the_leader_is_killed() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let name = unique();
    let open = || rig::on_cluster(&cluster, &name);
    let world = world(open).await;
    let (killed, stream) = (Arc::clone(&cluster), format!("KV_{name}"));
    outside(move || _ = killed.kill_leader_of(&stream)).await;
    world.change().await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn nobody_leaves_after_the_leader_steps_down() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let name = unique();
    let open = || rig::on_cluster(&cluster, &name);
    let world = world(open).await;
    for stream in ["KV", "BEATS"] {
        let (moved, stream) = (Arc::clone(&cluster), format!("{stream}_{name}"));
        outside(move || {
            let answer = moved.nodes()[0].request(&format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}"), "");
            assert!(answer.contains("\"success\":true"), "{answer}");
        })
        .await;
    }
    world.change().await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_link_is_reset_every_six_seconds() {
    let (server, name) = (server().await, unique());
    let link = Arc::new(Proxy::to(server.port()));
    let open = || rig::at(&format!("nats://127.0.0.1:{}", link.port()), rig::options(&name, Storage::File));
    let world = world(open).await;
    let reset = Arc::clone(&link);
    outside(move || {
        for _ in 0..4 {
            reset.cut();
            std::thread::sleep(Duration::from_millis(200));
            reset.pass();
            std::thread::sleep(Duration::from_millis(5_800));
        }
    })
    .await;
    world.change().await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_leaf_is_cut_off_for_ten_seconds() {
    let leaf = Arc::new(tokio::task::spawn_blocking(Leaf::start).await.unwrap());
    let name = unique();
    let open = || rig::through(&leaf, &name);
    let world = world(open).await;
    let cut = Arc::clone(&leaf);
    outside(move || cut.cut()).await;
    world.change().await;
    tokio::time::sleep(TEN).await;
    world.is_stale().await;
    let restored = Arc::clone(&leaf);
    outside(move || restored.restore()).await;
    world.has_recovered(open()).await;
}

#[tokio::test]
async fn only_the_users_of_a_killed_process_leave() {
    let (server, name) = (server().await, unique());
    let open = || rig::on(&server, &name, Storage::File);
    let (one, other) = (Process::start(open()).await, Process::start(open()).await);
    let names = |kind: &str| -> BTreeSet<UserId> {
        (0..20).map(|n| super::world::user(&format!("{kind}-{n}"))).collect()
    };
    let hold = |process: &Process, kind: &str| -> Vec<presence_core::Hold> {
        names(kind)
            .iter()
            .map(|user| process.presence.hold(enter(user.as_str(), "/start")).unwrap())
            .collect()
    };
    let (lost, kept) = (hold(&one, "lost"), hold(&other, "kept"));
    until("everybody is here", || async { other.online("/start") == 40 && one.online("/start") == 40 }).await;
    // As by SIGKILL: its holds are not released, and none of its tasks continues.
    lost.into_iter().for_each(std::mem::forget);
    drop(one);
    until("its users are gone", || async { other.saw_leave() == names("lost") }).await;
    assert_eq!(other.online("/start"), 20);
    drop(kept);
}
