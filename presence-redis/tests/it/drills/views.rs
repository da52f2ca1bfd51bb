//! Several handles write at random while connections break, scripts are lost and slots move. In the
//! end, every watch shows the sessions of the store.

use super::{tab, user};
use crate::rig;
use futures_util::StreamExt;
use futures_util::future::join_all;
use presence_core::store::{Departure, FeedEvent, ForgetIf, Placement, PresenceStore, Session, Touch};
use presence_core::testing::conformance::Reference;
use presence_core::{NodeId, Timestamp, Topics, UserId, random};
use presence_redis::RedisStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use test_servers::redis::{Cluster, Redis};
use tokio::time::{sleep, timeout};

const USERS: u64 = 40;

fn below(n: u64) -> u64 {
    random::u64() % n
}

/// A random session. Its names have unusual characters; names and times are drawn from few values,
/// so that writes concern the same sessions.
fn any_session() -> Session {
    let at = Timestamp::from_millis(1_700_000_000_000 + below(5_000));
    let left = (below(4) == 0).then_some(Departure { at, ends_at: at });
    let node = NodeId::new("n").unwrap();
    let lease = Duration::from_mins(1);
    let placement =
        Placement { placed_at: at, left, node, held: false, lease, topics: Topics::NONE, meta: None };
    let id = tab(&format!("s {}'\\", below(3)));
    Session { user: any_user(below(USERS)), id, placement, declared: None, seen_at: at, active_at: at }
}

fn any_user(n: u64) -> UserId {
    user(&format!("u{n} \u{2028}\"é{{}}😀"))
}

fn some<T>(make: impl Fn(Session) -> T) -> Vec<T> {
    (0..=below(8)).map(|_| make(any_session())).collect()
}

/// Writes until `is_done` is set. Errors are ignored, since a call that failed may have been
/// executed: the test compares with the store in the end.
async fn write(store: RedisStore, is_done: Arc<AtomicBool>) {
    while !is_done.load(Ordering::Relaxed) {
        let _ = match below(3) {
            0 => store.put(&some(|session| session)).await,
            1 => {
                let touch = |Session { user, id, seen_at, active_at, .. }| Touch::Session {
                    user,
                    id,
                    seen_at,
                    active_at,
                };
                store.touch(&some(touch)).await.map(drop)
            }
            _ => {
                let seen = |session: Session| ForgetIf::Session {
                    key: session.key(),
                    seen_at: session.seen_at,
                    placed_at: session.placement.placed_at,
                };
                store.forget(&some(seen)).await
            }
        };
    }
}

/// Watches until the view contains everything that was written before `is_done` was set. Starts
/// again with an empty view whenever a feed ends.
async fn watch(store: RedisStore, is_done: Arc<AtomicBool>) -> Reference {
    loop {
        let (mut view, mut feed) = (Reference::default(), store.watch());
        let (mut since, mut proven) = (None, BTreeSet::new());
        while let Some(told) = feed.next().await {
            view.apply(&told);
            if since.is_none() && is_done.load(Ordering::Relaxed) {
                since = store.now().await.ok();
            }
            if let (FeedEvent::Alive { shard, at, .. }, Some(since)) = (told, since)
                && at > since
            {
                proven.insert(shard);
            }
            if proven.len() == usize::from(store.shards()) {
                return view;
            }
        }
    }
}

async fn views_agree(open: impl Fn() -> RedisStore, trouble: impl FnOnce() + Send + 'static) {
    let (stops, is_done): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let watchers: Vec<_> = (0..3).map(|_| tokio::spawn(watch(open(), Arc::clone(&is_done)))).collect();
    let writers: Vec<_> = (0..3).map(|_| tokio::spawn(write(open(), Arc::clone(&stops)))).collect();
    tokio::task::spawn_blocking(trouble).await.unwrap();
    stops.store(true, Ordering::Relaxed);
    join_all(writers).await;
    // A call that has timed out may still be executed.
    sleep(Duration::from_secs(2)).await;
    is_done.store(true, Ordering::Relaxed);
    let users: Vec<_> = (0..USERS).map(any_user).collect();
    let held = open().load(&users).await.unwrap().sessions;
    let held: BTreeMap<_, _> = held.into_iter().map(|session| (session.key(), session)).collect();
    for watcher in watchers {
        let Ok(view) = timeout(Duration::from_mins(1), watcher).await else {
            panic!("a watch never caught up")
        };
        assert_eq!(view.unwrap().sessions, held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_show_what_the_store_holds_after_connections_and_scripts_were_lost() {
    let (server, name) = (Arc::new(Redis::start()), rig::unique());
    let troubled = Arc::clone(&server);
    let trouble = move || {
        for _ in 0..4 {
            for command in [
                &["CLIENT", "KILL", "TYPE", "pubsub"][..],
                &["SCRIPT", "FLUSH"],
                &["CLIENT", "KILL", "TYPE", "normal"],
            ] {
                std::thread::sleep(Duration::from_millis(300));
                troubled.command(command);
            }
        }
    };
    views_agree(|| rig::on(&server, &name), trouble).await;
}

/// Moves a slot to the next master, key by key, like the tools of an operator.
fn move_slot(cluster: &Cluster, slot: &str) {
    let nodes = cluster.nodes();
    let master = cluster.master_of(slot.parse().unwrap()).port();
    let from = nodes.iter().position(|node| node.port() == master).unwrap();
    let (old, new) = (&nodes[from], &nodes[(from + 1) % nodes.len()]);
    let (old_id, new_id) = (old.command(&["CLUSTER", "MYID"]), new.command(&["CLUSTER", "MYID"]));
    assert_eq!(new.command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &old_id]), "OK");
    assert_eq!(old.command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &new_id]), "OK");
    while let Some(key) = old.command(&["CLUSTER", "GETKEYSINSLOT", slot, "1"]).lines().next() {
        if key.is_empty() {
            break;
        }
        old.command(&["MIGRATE", "127.0.0.1", &new.port().to_string(), key, "0", "5000"]);
        std::thread::sleep(Duration::from_millis(50));
    }
    for node in [new, old].into_iter().chain(nodes) {
        node.command(&["CLUSTER", "SETSLOT", slot, "NODE", &new_id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_show_what_the_store_holds_after_slots_of_a_cluster_have_moved() {
    let (cluster, name) = (Arc::new(Cluster::start(3, 0)), rig::unique());
    let (moved, of) = (Arc::clone(&cluster), name.clone());
    let trouble = move || {
        for shard in [0, 1, 2, 0, 1, 2] {
            std::thread::sleep(Duration::from_millis(500));
            let key = format!("{{{of}:{shard}}}");
            move_slot(&moved, &moved.nodes()[0].command(&["CLUSTER", "KEYSLOT", &key]));
        }
    };
    views_agree(|| rig::on_cluster(&cluster, &name), trouble).await;
}
