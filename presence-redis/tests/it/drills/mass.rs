//! Large numbers of sessions and of processes.

use super::{eventually, policy, tab, user};
use crate::rig::{self, CLUSTER};
use futures_util::StreamExt;
use futures_util::future::join_all;
use presence_core::store::{FeedEvent, PresenceStore, Session, Touch};
use presence_core::{NodeId, Presence, Timestamp, testing};
use presence_redis::RedisStore;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use test_servers::redis::Redis;

const MANY: usize = 100_000;

fn session(n: usize, lease: Duration, at: Timestamp) -> Session {
    let mut session = testing::session(&format!("user-{n}"), "t", at);
    session.placement.lease = lease;
    session
}

async fn put_many(store: &RedisStore, lease: Duration) {
    let at = store.now().await.unwrap();
    let all: Vec<Session> = (0..MANY).map(|n| session(n, lease, at)).collect();
    for batch in all.chunks(512) {
        store.put(batch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_no_feed_ends_while_twenty_processes_read_a_hundred_thousand_sessions() {
    let server = Redis::start();
    // The server logs every command that takes longer than 20 ms.
    assert_eq!(server.command(&["CONFIG", "SET", "slowlog-log-slower-than", "20000"]), "OK");
    let name = rig::unique();
    // The timeout is long, since the test checks that calls are answered, not how fast.
    let options = rig::options(&name).call_timeout(Duration::from_secs(10));
    let store = RedisStore::connect(&server.url(), options).unwrap();
    put_many(&store, Duration::from_mins(10)).await;
    assert_eq!(server.command(&["SLOWLOG", "RESET"]), "OK");

    // One watch is open all the time, and 20 users send heartbeats all the time.
    let ends = Arc::new(AtomicUsize::new(0));
    let (watching, counted) = (rig::on(&server, &name), Arc::clone(&ends));
    let witness = tokio::spawn(async move {
        let mut feed = watching.watch();
        while feed.next().await.is_some() {}
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let is_done = Arc::new(AtomicBool::new(false));
    let (beating, done) = (store.clone(), Arc::clone(&is_done));
    let beats = tokio::spawn(async move {
        let (mut beats, mut failed) = (0, 0);
        while !done.load(Ordering::Relaxed) {
            let at = Timestamp::from_millis(1);
            let touch = |n: usize| Touch::Session {
                user: user(&format!("user-{n}")),
                id: tab("t"),
                seen_at: at,
                active_at: at,
            };
            let told = join_all((0..20).map(|n| {
                let (beating, touch) = (beating.clone(), [touch(n)]);
                async move { beating.touch(&touch).await }
            }));
            for told in told.await {
                (beats, failed) = (beats + 1, failed + usize::from(told.is_err()));
            }
        }
        (beats, failed)
    });

    let readers = (0..20).map(|_| {
        let store = rig::on(&server, &name);
        tokio::spawn(async move {
            let (mut feed, mut seen, mut synced) = (store.watch(), HashSet::new(), 0);
            while synced < store.shards() {
                match feed.next().await.expect("a feed was cut off") {
                    FeedEvent::Facts(facts) => {
                        seen.extend(facts.sessions.iter().map(|session| session.user.clone()));
                    }
                    FeedEvent::Synced { .. } => synced += 1,
                    _ => {}
                }
            }
            seen.len()
        })
    });
    for read in join_all(readers).await {
        assert_eq!(read.unwrap(), MANY);
    }
    is_done.store(true, Ordering::Relaxed);
    let (beats, failed) = beats.await.unwrap();
    assert!(beats > 0);
    assert_eq!(failed, 0, "of {beats} beats");
    assert_eq!(ends.load(Ordering::Relaxed), 0, "who watched was cut off");
    witness.abort();
    // Not asserted, since the duration of a call depends on the machine too. The benchmark reports
    // durations.
    eprintln!("calls that took longer than 20 ms:\n{}", server.command(&["SLOWLOG", "GET"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_a_hundred_thousand_sessions_expire_when_no_process_renews_them() {
    let server = Redis::start();
    let options = rig::options(&rig::unique()).keep_for(Duration::from_secs(1));
    let store = RedisStore::connect(&server.url(), options).unwrap();
    let beat = [Touch::Node {
        node: NodeId::new("n").unwrap(),
        seen_at: store.now().await.unwrap(),
        drain_for: None,
    }];
    store.touch(&beat).await.unwrap();
    put_many(&store, Duration::from_secs(1)).await;
    for key in server.command(&["KEYS", "*"]).lines() {
        let expires = server.command(&["PTTL", key]);
        assert!(!expires.starts_with('-'), "{key} has no expiry: {expires}");
    }
    eventually("all keys are gone", || server.command(&["DBSIZE"]) == "0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_all_shards_are_kept_while_a_process_sends_heartbeats() {
    let server = Redis::start();
    // The process sends a heartbeat every 750 ms.
    let options = rig::options(&rig::unique()).keep_for(Duration::from_secs(3));
    let store = RedisStore::connect(&server.url(), options).unwrap();
    let shards = usize::from(store.shards());
    let presence = Presence::builder(store).policy(policy()).start().unwrap();
    presence.ready().await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let kept = server.command(&["KEYS", "*:nodes"]).lines().count();
    assert_eq!(kept, shards, "no shard expired under a process that beats");
    drop(presence);
    eventually("all keys are gone", || server.command(&["DBSIZE"]) == "0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_script_uses_a_key_outside_the_slot_of_its_shard() {
    // A cluster refuses a script that uses a key of another slot.
    let name = rig::unique();
    let store = rig::on_cluster(&CLUSTER, &name);
    let at = store.now().await.unwrap();
    let all: Vec<Session> = (0..500).map(|n| session(n, Duration::from_mins(1), at)).collect();
    store.put(&all).await.unwrap();
    let users: Vec<_> = all.iter().map(|session| session.user.clone()).collect();
    assert_eq!(store.load(&users).await.unwrap().sessions.len(), all.len());
    // The shards are spread over all three masters.
    let holding = CLUSTER
        .nodes()
        .iter()
        .filter(|node| node.command(&["KEYS", &format!("*{name}*")]).lines().next().is_some());
    assert_eq!(holding.count(), 3);
}
