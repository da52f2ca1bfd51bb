//! A server that answers but refuses writes: no heartbeat is stored, and nobody leaves.

use super::{Crowd, Process, eventually, names};
use crate::rig;
use presence_core::StoreHealth;
use std::path::PathBuf;
use std::time::Duration;
use test_servers::redis::Redis;

/// How long writes are refused: longer than a lease. The counts are checked all the time.
const REFUSED_FOR: Duration = Duration::from_secs(12);

async fn nobody_leaves_while(refuses: impl Fn(&Redis), accepts: impl Fn(&Redis)) {
    let server = Redis::with(&[]);
    let name = rig::unique();
    let policy = || super::policy().lease_for(Duration::from_secs(8));
    let one = Process::with(rig::on(&server, &name), policy()).await;
    let other = Process::with(rig::on(&server, &name), policy()).await;
    let crowd = Crowd::at(&one.presence, names("u", 10));
    eventually("everybody is seen", || other.online() == crowd.names.len() && !other.is_stale()).await;
    refuses(&server);
    eventually("what cannot be promised is stale", || other.is_stale() && one.is_stale()).await;
    let until = tokio::time::Instant::now() + REFUSED_FOR;
    while tokio::time::Instant::now() < until {
        assert_eq!((one.online(), other.online()), (10, 10));
        assert!(other.is_stale() && one.is_stale());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let StoreHealth::Down { error, .. } = one.presence.health().store else { panic!("it counts as up") };
    assert!(error.contains("refuses writes"), "{error}");
    accepts(&server);
    while other.is_stale() {
        assert_eq!(other.online(), 10);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((one.online(), other.online()), (10, 10), "the first fresh frame is right");
    eventually("the store is up again", || one.presence.health().store == StoreHealth::Up).await;
    assert!(crowd.stored() > 0 && crowd.degraded() > 0, "they did beat, and were refused");
    assert!(one.left().is_empty() && other.left().is_empty());
    // Afterwards, users who stop sending heartbeats lapse as usual.
    drop(crowd);
    eventually("the silent are gone", || other.online() == 0).await;
}

fn set(setting: &'static str, value: &'static str) -> impl Fn(&Redis) {
    move |server| assert_eq!(server.command(&["CONFIG", "SET", setting, value]), "OK")
}

#[tokio::test]
async fn nobody_leaves_while_redis_is_out_of_memory() {
    nobody_leaves_while(set("maxmemory", "1"), set("maxmemory", "0")).await;
}

#[tokio::test]
async fn nobody_leaves_while_redis_has_too_few_replicas() {
    nobody_leaves_while(set("min-replicas-to-write", "3"), set("min-replicas-to-write", "0")).await;
}

/// Saves the data, and returns once that has succeeded or failed.
fn save(server: &Redis, status: &str) {
    server.command(&["BGSAVE"]);
    let expected = format!("rdb_last_bgsave_status:{status}");
    let is_done = || {
        let info = server.command(&["INFO", "persistence"]);
        info.contains(&expected) && info.contains("rdb_bgsave_in_progress:0")
    };
    for _ in 0..3_000 {
        if is_done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no save came to {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_while_redis_cannot_save_its_data() {
    // A folder with the name of the file makes every save fail.
    let obstacle = |server: &Redis| {
        let setting = server.command(&["CONFIG", "GET", "dir"]);
        PathBuf::from(setting.lines().last().unwrap()).join("dump.rdb")
    };
    let refuses = |server: &Redis| {
        set("save", "3600 1")(server);
        std::fs::create_dir(obstacle(server)).unwrap();
        tokio::task::block_in_place(|| save(server, "err"));
    };
    let accepts = |server: &Redis| {
        std::fs::remove_dir(obstacle(server)).unwrap();
        tokio::task::block_in_place(|| save(server, "ok"));
    };
    nobody_leaves_while(refuses, accepts).await;
}
