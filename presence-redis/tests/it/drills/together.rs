//! Two processes on one store show the same presence.

use super::{Process, eventually, tab, topics, user};
use crate::rig::{self, CLUSTER, REDIS};
use presence_core::{Beat, BeatOutcome, Leave, PresenceStore, Scope, Topic, Update};
use presence_redis::RedisStore;
use std::time::Duration;

async fn two(open: impl Fn() -> RedisStore) -> (Process, Process) {
    // The grace period is long enough for two calls in sequence, even on a busy machine.
    let policy = || super::policy().grace(Duration::from_secs(4)).lease_for(Duration::from_mins(1));
    (Process::with(open(), policy()).await, Process::with(open(), policy()).await)
}

async fn a_join_on_one_is_an_event_on_the_other(open: impl Fn() -> RedisStore) {
    let (one, two) = two(open).await;
    let mut events = two.presence.subscribe(&Scope::Topic(Topic::new("lobby").unwrap()));
    assert!(matches!(events.next().await, Some(Update::Snapshot(_))));
    one.presence.beat(Beat::enter(user("ada"), tab("t")).topics(topics("lobby"))).await.unwrap();
    let Some(Update::Diff(diff)) = events.next().await else { panic!("no event came") };
    assert_eq!(diff.joined[0].user, user("ada"));
    assert_eq!(one.presence.everyone().counts(), two.presence.everyone().counts());
}

#[tokio::test]
async fn a_join_on_one_process_is_an_event_on_the_other_on_redis() {
    let name = rig::unique();
    a_join_on_one_is_an_event_on_the_other(|| rig::on(&REDIS, &name)).await;
}

#[tokio::test]
async fn a_join_on_one_process_is_an_event_on_the_other_on_a_cluster() {
    let name = rig::unique();
    a_join_on_one_is_an_event_on_the_other(|| rig::on_cluster(&CLUSTER, &name)).await;
}

#[tokio::test]
async fn a_user_with_sessions_on_two_processes_counts_once() {
    let name = rig::unique();
    let (one, two) = two(|| rig::on(&REDIS, &name)).await;
    one.presence.beat(Beat::enter(user("ada"), tab("a")).topics(topics("/"))).await.unwrap();
    two.presence.beat(Beat::enter(user("ada"), tab("b")).topics(topics("/x"))).await.unwrap();
    for process in [&one, &two] {
        let pages = || process.presence.topics(10).len();
        eventually("both pages are seen", || pages() == 2).await;
        assert_eq!(process.online(), 1);
    }
}

#[tokio::test]
async fn a_page_reload_shows_no_leave_whatever_the_order_and_processes_of_its_two_requests() {
    let name = rig::unique();
    let (one, two) = two(|| rig::on(&REDIS, &name)).await;
    for (n, unload_first) in [true, false, true, false].into_iter().enumerate() {
        let visitor = format!("v{n}");
        let enter = || Beat::enter(user(&visitor), tab("t")).topics(topics("/"));
        let Ok(BeatOutcome::Stored { placed_at }) = one.presence.beat(enter()).await else {
            panic!("not stored")
        };
        eventually("the other sees it", || two.is_online(&visitor)).await;
        // Twice the load arrives at the other process, twice at the one that had the page.
        let (loads_at, unloads_at) = if n < 2 { (&two, &one) } else { (&one, &two) };
        let leave = Leave::new(user(&visitor), tab("t"));
        if unload_first {
            unloads_at.presence.leave(leave).await.unwrap();
            loads_at.presence.beat(enter()).await.unwrap();
        } else {
            // The leave names the placement that the unloaded page had.
            loads_at.presence.beat(enter()).await.unwrap();
            unloads_at.presence.leave(leave.placed_at(placed_at)).await.unwrap();
        }
    }
    tokio::time::sleep(one.presence.policy().grace * 2).await;
    for process in [&one, &two] {
        assert!(process.left().is_empty(), "{:?}", process.left());
        assert_eq!(process.online(), 4);
    }
}

#[tokio::test]
async fn a_namespace_never_shows_sessions_of_the_same_namespace_in_another_database() {
    // All databases of a server share its pub/sub channels.
    let name = rig::unique();
    let on = |database: u8| {
        RedisStore::connect(&format!("{}/{database}", REDIS.url()), rig::options(&name)).unwrap()
    };
    let (zero, one) = (Process::on(on(0)).await, Process::on(on(1)).await);
    for n in 0..20 {
        one.presence.beat(Beat::enter(user(&format!("one-{n}")), tab("t"))).await.unwrap();
    }
    // These messages are later than the ones above: when they have arrived, messages of the other
    // database would have arrived too.
    let other = Process::on(on(0)).await;
    for n in 0..20 {
        other.presence.beat(Beat::enter(user(&format!("zero-{n}")), tab("t"))).await.unwrap();
    }
    eventually("its own are seen", || zero.is_online("zero-19")).await;
    eventually("its own are seen", || zero.online() >= 20).await;
    assert_eq!((zero.online(), one.online()), (20, 20));
    eventually("it is known to be so", || !zero.is_stale()).await;
}

#[tokio::test]
async fn a_namespace_never_shows_the_sessions_of_another() {
    let (mine, yours) = (rig::unique(), rig::unique());
    let one = Process::on(rig::on(&REDIS, &mine)).await;
    let other = Process::on(rig::on(&REDIS, &yours)).await;
    one.presence.beat(Beat::enter(user("ada"), tab("t"))).await.unwrap();
    other.presence.beat(Beat::enter(user("bob"), tab("t"))).await.unwrap();
    // Neither the store nor the views contain the other namespace's user.
    let store = rig::on(&REDIS, &mine);
    assert_eq!(store.load(&[user("bob")]).await.unwrap().sessions, []);
    assert_eq!((one.online(), other.online()), (1, 1));
    assert!(one.presence.user(&user("bob")).is_none() && other.presence.user(&user("ada")).is_none());
}
