//! `docs/processes.md`: two processes on each kind of store.

use crate::client::soon;
use cookbook::processes::store;
use presence_core::{Beat, Leave, Presence, Scope, SessionId, Topic, Topics, UserId};
use test_servers::{nats::Nats, redis::Redis};

async fn two_show_the_same(url: &str) {
    let process = || Presence::builder(store(url, "cookbook").unwrap()).start().unwrap();
    let (one, other) = (process(), process());
    soon(async { tokio::join!(one.ready(), other.ready()) }).await;
    let (ada, tab, lobby) =
        (UserId::new("ada").unwrap(), SessionId::new("tab").unwrap(), Topic::new("lobby").unwrap());
    let mut counts = other.watch_counts(&Scope::Topic(lobby.clone()));
    assert_eq!(soon(counts.next()).await.unwrap().online, 0);
    let topics = Topics::new([lobby]).unwrap();
    soon(one.beat(Beat::enter(ada.clone(), tab.clone()).topics(topics))).await.unwrap();
    assert_eq!(soon(counts.next()).await.unwrap().online, 1);
    soon(one.leave(Leave::new(ada, tab).immediately())).await.unwrap();
    assert_eq!(soon(counts.next()).await.unwrap().online, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_redis_show_the_same() {
    let server = Redis::start();
    two_show_the_same(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_nats_show_the_same() {
    let server = Nats::start();
    two_show_the_same(&server.url()).await;
}

#[tokio::test]
async fn a_process_starts_while_its_server_is_away() {
    let presence = Presence::builder(store("redis://127.0.0.1:1", "cookbook").unwrap()).start().unwrap();
    assert_eq!(presence.everyone().counts().online, 0);
    assert!(store("redis://", "no good: a namespace").is_err());
}
