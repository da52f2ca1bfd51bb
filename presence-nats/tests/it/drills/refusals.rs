//! A server that answers, but refuses writes to one of the two streams or to both.

use super::world::{Process, enter, until};
use crate::rig::{self, CLUSTER, NATS, unique};
use presence_core::{Hold, UserId};
use presence_nats::{NatsStore, Storage};
use std::collections::BTreeSet;
use std::time::Duration;
use test_servers::nats::Nats;

/// Longer than every lease in use.
const REFUSES_FOR: Duration = Duration::from_secs(8);

async fn nobody_leaves_while_refused(streams: &[&str]) {
    let name = unique();
    nobody_leaves_while_one_refuses(&NATS, &name, || rig::on(&NATS, &name, Storage::Memory), streams).await;
}

async fn nobody_leaves_while_one_refuses(
    server: &Nats,
    name: &str,
    open: impl Fn() -> NatsStore,
    streams: &[&str],
) {
    let (one, other) = (Process::start(open()).await, Process::start(open()).await);
    let held: Vec<Hold> =
        ["ada", "bob", "cyd"].iter().map(|user| one.presence.hold(enter(user, "/start")).unwrap()).collect();
    until("everybody is here", || async { other.online("/start") == 3 }).await;
    until("both views are fresh", || async { one.is_fresh() && other.is_fresh() }).await;
    streams.iter().for_each(|stream| rig::refuse(server, stream, name, true));
    until("both views are stale", || async { !one.is_fresh() && !other.is_fresh() }).await;
    tokio::time::sleep(REFUSES_FOR).await;
    assert!(!one.is_fresh() && !other.is_fresh());
    streams.iter().for_each(|stream| rig::refuse(server, stream, name, false));
    let late = Process::start(open()).await;
    for process in [&one, &other, &late] {
        until("the view is fresh and right", || async {
            process.is_fresh() && process.online("/start") == 3
        })
        .await;
        assert_eq!(process.saw_leave(), BTreeSet::new());
    }
    // Time goes on, so users who leave are reported as gone.
    drop(held);
    let gone: BTreeSet<UserId> = ["ada", "bob", "cyd"].map(super::world::user).into();
    until("they are gone", || async { other.saw_leave() == gone && late.saw_leave() == gone }).await;
    rig::lose(server, name);
}

#[tokio::test]
async fn nobody_leaves_while_both_streams_refuse_writes() {
    nobody_leaves_while_refused(&["KV", "BEATS"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_bucket_refuses_writes() {
    nobody_leaves_while_refused(&["KV"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_renewals_are_refused() {
    nobody_leaves_while_refused(&["BEATS"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_a_cluster_refuses_writes() {
    let name = unique();
    let open = || rig::on_cluster(&CLUSTER, &name);
    nobody_leaves_while_one_refuses(&CLUSTER.nodes()[0], &name, open, &["KV", "BEATS"]).await;
}
