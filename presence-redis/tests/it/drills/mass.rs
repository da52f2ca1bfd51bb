//! Many at once.

use super::{eventually, policy, tab, user};
use crate::rig::{self, CLUSTER};
use futures_util::StreamExt;
use futures_util::future::join_all;
use presence_core::store::{FeedEvent, PresenceStore, Session, Touch};
use presence_core::{NodeId, Presence, Timestamp, Topics};
use presence_redis::RedisStore;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use test_servers::redis::Redis;

const MANY: usize = 100_000;

fn session(n: usize, lease: Duration, at: Timestamp) -> Session {
    let placement = presence_core::store::Placement {
        placed_at: at,
        left: None,
        node: NodeId::new("n").unwrap(),
        held: false,
        lease,
        topics: Topics::NONE,
        meta: None,
    };
    Session {
        user: user(&format!("user-{n}")),
        id: tab("t"),
        placement,
        declared: None,
        seen_at: at,
        active_at: at,
    }
}

async fn put_many(store: &RedisStore, lease: Duration) {
    let at = store.now().await.unwrap();
    let all: Vec<Session> = (0..MANY).map(|n| session(n, lease, at)).collect();
    for batch in all.chunks(512) {
        store.put(batch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_processes_read_a_hundred_thousand_sessions_at_once_and_nobody_is_disturbed() {
    let server = Redis::start();
    // Whatever holds up the server for longer than this is noted by it.
    assert_eq!(server.command(&["CONFIG", "SET", "slowlog-log-slower-than", "20000"]), "OK");
    let name = rig::unique();
    // How long a call may take is not what is tested: whether it is answered.
    let options = rig::options(&name).call_timeout(Duration::from_secs(10));
    let store = RedisStore::connect(&server.url(), options).unwrap();
    put_many(&store, Duration::from_mins(10)).await;
    assert_eq!(server.command(&["SLOWLOG", "RESET"]), "OK");

    // One who watches all the time, and people who beat all the time.
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
    // How long each call took is a matter of the machine as well: the benchmark reports it. Here,
    // what was asked for.
    eprintln!("calls that took longer than 20 ms:\n{}", server.command(&["SLOWLOG", "GET"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_sessions_and_then_silence_leave_nothing_behind() {
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
async fn a_process_keeps_the_keys_of_all_shards_as_long_as_it_beats() {
    let server = Redis::start();
    // Its beats come every three quarters of a second.
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
async fn every_script_stays_within_the_slot_of_its_shard() {
    // The cluster has three masters: a script that named a key of another slot would be refused.
    let name = rig::unique();
    let store = rig::on_cluster(&CLUSTER, &name);
    let at = store.now().await.unwrap();
    let all: Vec<Session> = (0..500).map(|n| session(n, Duration::from_mins(1), at)).collect();
    store.put(&all).await.unwrap();
    let users: Vec<_> = all.iter().map(|session| session.user.clone()).collect();
    assert_eq!(store.load(&users).await.unwrap().sessions.len(), all.len());
    // And the shards are where their names say: on every one of the masters.
    let holding = CLUSTER
        .nodes()
        .iter()
        .filter(|node| node.command(&["KEYS", &format!("*{name}*")]).lines().next().is_some());
    assert_eq!(holding.count(), 3);
}
