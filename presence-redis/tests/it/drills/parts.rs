//! Partial failures: one node of a cluster, one sentinel, one shard or one reader fails, or a
//! master becomes a replica. The rest keeps working.

use super::{Process, eventually, hold_all, names, user};
use crate::rig::{self, REDIS};
use futures_util::StreamExt;
use futures_util::future::join_all;
use presence_core::store::{FeedEvent, PresenceStore, Session};
use presence_core::{Timestamp, UserId, testing};
use presence_redis::{RedisStore, Sentinels};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;
use test_servers::redis::{Cluster, Redis, Sentinel};
use tokio::task::block_in_place;
use tokio::time::timeout;

fn session(n: usize, at: Timestamp) -> Session {
    testing::session(&format!("user-{n}"), "t", at)
}

/// One user for each shard, in the order of the shards.
fn one_each(store: &RedisStore) -> Vec<UserId> {
    let users: Vec<UserId> = (0..1_000).map(|n| user(&format!("user-{n}"))).collect();
    let of = |shard| users.iter().find(|user| store.shard_of(user) == shard).unwrap().clone();
    (0..store.shards()).map(of).collect()
}

/// Loads a user of every shard, all at the same time. Returns the shards that answered.
async fn answering(store: &RedisStore, users: &[UserId]) -> BTreeSet<u16> {
    let asked = users.iter().map(|user| async move {
        let told = store.load(std::slice::from_ref(user)).await;
        told.ok().map(|_| store.shard_of(user))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Waits until each of these shards has answered, and checks that no other shard has.
async fn answers(store: &RedisStore, users: &[UserId], shards: &BTreeSet<u16>) {
    let mut answered = BTreeSet::new();
    let asked = async {
        while !answered.is_superset(shards) {
            answered.extend(answering(store, users).await);
        }
    };
    let all = timeout(Duration::from_mins(4), asked).await;
    assert!(all.is_ok() && answered == *shards, "{answered:?} answer instead of {shards:?}");
}

/// Waits until a feed has synced these shards. Panics if the feed ends before.
async fn syncs(feed: &mut (impl StreamExt<Item = FeedEvent> + Unpin), shards: &BTreeSet<u16>) {
    let mut synced = BTreeSet::new();
    let read = async {
        while !synced.is_superset(shards) {
            let Some(told) = feed.next().await else { panic!("the feed ended") };
            if let FeedEvent::Synced { shard, .. } = told {
                synced.insert(shard);
            }
        }
    };
    assert!(timeout(Duration::from_mins(4), read).await.is_ok(), "a shard of {shards:?} is not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_cluster_master_hangs_old_and_new_processes_use_the_shards_of_the_others() {
    let cluster = Cluster::start(3, 0);
    for node in cluster.nodes() {
        assert_eq!(node.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]), "OK");
    }
    let name = rig::unique();
    let store = rig::on_cluster(&cluster, &name);
    let (users, all) = (one_each(&store), (0..store.shards()).collect());
    answers(&store, &users, &all).await;
    let mut feed = store.watch();
    syncs(&mut feed, &all).await;

    // The first master has the shards whose keys it holds.
    let at = store.now().await.unwrap();
    store.put(&(0..200).map(|n| session(n, at)).collect::<Vec<_>>()).await.unwrap();
    let hung = &cluster.nodes()[0];
    let keys = hung.command(&["KEYS", &format!("presence:{{{name}:*:sessions")]);
    let of = |shard: &u16| keys.contains(&format!(":{shard}}}:"));
    let (lost, served): (BTreeSet<u16>, BTreeSet<u16>) = all.iter().copied().partition(of);
    assert!(!lost.is_empty() && !served.is_empty());

    hung.pause();
    // The watch that was opened before continues. After `ask` is sent, it must still get a proof of
    // time for every served shard.
    let (ask, asked) = tokio::sync::oneshot::channel();
    let witness = tokio::spawn({
        let served = served.clone();
        async move {
            let mut asked = Some(asked);
            let mut alive = BTreeSet::new();
            while asked.is_some() || alive != served {
                if asked.as_mut().is_some_and(|asked| asked.try_recv().is_ok()) {
                    (asked, alive) = (None, BTreeSet::new());
                }
                if let FeedEvent::Alive { shard, .. } = feed.next().await.expect("the feed ended") {
                    alive.insert(shard);
                }
            }
        }
    });
    for _ in 0..3 {
        answers(&store, &users, &served).await;
    }
    // The client crate repeatedly stops all calls while it looks for the node, so that a new
    // process needs some time.
    let newcomer = rig::on_cluster(&cluster, &name);
    answers(&newcomer, &users, &served).await;
    ask.send(()).expect("the witness is gone");
    timeout(Duration::from_mins(4), witness).await.expect("a served shard is silent").unwrap();

    hung.resume();
    answers(&store, &users, &all).await;
    answers(&newcomer, &users, &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_finds_the_master_although_its_first_sentinel_hangs() {
    let sentinel = Sentinel::start();
    // The system accepts connections to this port, and nothing answers them.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut urls = vec![format!("redis://{}", hung.local_addr().unwrap())];
    urls.extend(sentinel.urls());
    let sentinels = Sentinels::new(urls, sentinel.service());
    let store = RedisStore::sentinel(sentinels, rig::options(&rig::unique())).unwrap();
    let shards = (0..store.shards()).collect();
    syncs(&mut store.watch(), &shards).await;
    answers(&store, &one_each(&store), &shards).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_becomes_a_replica_ends_feeds_and_gets_few_new_connections() {
    let (server, master) = (Redis::start(), Redis::start());
    let store = rig::on(&server, &rig::unique());
    let shards = (0..store.shards()).collect();
    let mut feed = store.watch();
    syncs(&mut feed, &shards).await;
    let connections = || {
        let stats = block_in_place(|| server.command(&["INFO", "stats"]));
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().trim().parse::<usize>().unwrap()
    };
    assert_eq!(server.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]), "OK");
    // The feed must end: on its old connection it would stay at the replica, even if the address
    // led to another master.
    let ends = async { while feed.next().await.is_some() {} };
    timeout(Duration::from_mins(1), ends).await.expect("the feed goes on at a replica");
    let before = connections();
    for _ in 0..2_000 {
        assert!(store.put(&[session(1, Timestamp::ZERO)]).await.is_err());
    }
    let opened = connections() - before;
    assert!(opened < 500, "{opened} connections for 2000 calls");
    assert_eq!(server.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    answers(&store, &one_each(&store), &shards).await;
    syncs(&mut store.watch(), &shards).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_shard_makes_no_user_of_another_shard_leave() {
    let name = rig::unique();
    let (one, other) = (Process::on(rig::on(&REDIS, &name)).await, Process::on(rig::on(&REDIS, &name)).await);
    let held = names("held", 64);
    let _holds = hold_all(&one.presence, &held);
    eventually("all are seen", || other.online() == held.len()).await;
    let key = format!("presence:{{{name}:0}}:sessions");
    REDIS.command(&["DEL", &key]);
    assert_eq!(REDIS.command(&["SET", &key, "something else"]), "OK");
    // Held sessions are renewed by the heartbeat of their process, which one call writes to all
    // shards.
    tokio::time::sleep(super::policy().held_for * 5).await;
    assert!(other.left().is_empty(), "{:?}", other.left());
    assert_eq!(other.online(), held.len());
    // New users of the other shards can still enter.
    let shards = rig::on(&REDIS, &name);
    let newcomers = names("new", 64);
    let elsewhere: Vec<_> = newcomers.into_iter().filter(|name| shards.shard_of(&user(name)) != 0).collect();
    let _more = hold_all(&one.presence, &elsewhere);
    eventually("they are seen", || other.online() == held.len() + elsewhere.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_not_read_does_not_block_another_feed() {
    let options = rig::options(&rig::unique()).shards(1);
    let store = RedisStore::connect(&REDIS.url(), options).unwrap();
    // More slices than the channel to a reader can hold.
    let all: Vec<Session> = (0..40_000).map(|n| session(n, Timestamp::ZERO)).collect();
    for batch in all.chunks(512) {
        store.put(batch).await.unwrap();
    }
    let mut idle = store.watch();
    assert!(idle.next().await.is_some());
    syncs(&mut store.watch(), &BTreeSet::from([0])).await;
}
