use super::{Call, Fault, Reference, ReferenceStore};
use crate::model::{NodeId, Session, UserId};
use crate::store::{Facts, FeedEvent, ForgetIf, Kind, PresenceStore, Touch};
use crate::testing;
use crate::time::{ManualClock, Timestamp};
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};
use std::time::Duration;

fn session(user: &str, at: u64) -> Session {
    testing::session(user, "s", Timestamp::from_millis(at))
}

/// Applies the events available without waiting; returns the shards that proved their time.
fn drain(feed: &mut BoxStream<'static, FeedEvent>, view: &mut Reference) -> Vec<u16> {
    let mut alive = Vec::new();
    while let Some(Some(message)) = feed.next().now_or_never() {
        view.apply(&message);
        if let FeedEvent::Alive { shard, .. } = message {
            alive.push(shard);
        }
    }
    alive
}

#[tokio::test]
async fn a_reader_follows_through_late_and_repeated_messages() {
    let clock = ManualClock::default();
    let store = ReferenceStore::with_shards(clock.clone(), 3);
    store.faults().disorder(7);
    let (mut feed, mut view) = (store.watch(), Reference::default());
    for round in 1..50 {
        let user = format!("u{}", round % 5);
        store.put(&[session(&user, round)]).await.unwrap();
        if round % 7 == 0 {
            let (key, at) = (session(&user, 0).key(), Timestamp::from_millis(round));
            store.forget(&[ForgetIf::Session { key, seen_at: at, placed_at: at }]).await.unwrap();
        }
        drain(&mut feed, &mut view);
    }
    store.faults().order();
    drain(&mut feed, &mut view);
    assert_eq!(view, store.contents());
}

#[tokio::test]
async fn a_watch_of_an_unreachable_shard_waits_and_then_delivers_everything() {
    let clock = ManualClock::default();
    let store = ReferenceStore::with_shards(clock.clone(), 2);
    let (mut feed, mut view) = (store.watch(), Reference::default());
    assert_eq!(drain(&mut feed, &mut view), [0, 1]);
    store.faults().silence(1);
    clock.advance(Duration::from_secs(1)).await;
    let all: Vec<_> = (0..20).map(|n| session(&format!("u{n}"), 1)).collect();
    store.put(&all).await.unwrap();
    assert_eq!(drain(&mut feed, &mut view), [0]);
    assert!(!view.sessions.is_empty() && view.sessions.len() < 20);
    store.faults().speak();
    assert_eq!(drain(&mut feed, &mut view), [1]);
    assert_eq!(view, store.contents());
}

#[tokio::test]
async fn a_store_that_is_down_fails_its_calls_and_ends_its_feeds() {
    let store = ReferenceStore::new(ManualClock::default());
    let mut feed = store.watch();
    store.faults().go_down();
    assert_eq!(feed.next().await, None);
    assert_eq!(store.watch().next().await, None);
    assert_eq!(store.put(&[session("a", 1)]).await.unwrap_err().kind(), Kind::Unavailable);
    store.faults().come_back();
    assert_eq!(store.load(&[UserId::new("a").unwrap()]).await.unwrap(), Facts::default());
}

#[tokio::test]
async fn a_call_can_land_without_an_answer() {
    let store = ReferenceStore::new(ManualClock::default());
    store.faults().inject(Call::Put, Fault::HangsAfter);
    let batch = [session("a", 1)];
    assert!(store.put(&batch).now_or_never().is_none());
    store.faults().inject(Call::Put, Fault::FailsAfter(Kind::Timeout));
    assert!(store.put(&[session("b", 1)]).await.is_err());
    store.faults().inject(Call::Put, Fault::Hangs);
    let batch = [session("c", 1)];
    assert!(store.put(&batch).now_or_never().is_none());
    assert_eq!(store.contents().sessions.len(), 2);
}

#[tokio::test]
async fn a_failover_loses_what_was_not_replicated() {
    let store = ReferenceStore::new(ManualClock::default());
    store.put(&[session("a", 1)]).await.unwrap();
    let mut feed = store.watch();
    let epoch_of = |messages: Vec<FeedEvent>| {
        messages
            .into_iter()
            .find_map(|m| if let FeedEvent::Synced { epoch, .. } = m { Some(epoch) } else { None })
    };
    let before = epoch_of(feed.by_ref().take(3).collect().await);
    store.faults().stop_replication();
    store.put(&[session("b", 1)]).await.unwrap();
    store.faults().fail_over();
    assert!(
        feed.collect::<Vec<_>>().await.iter().all(|message| !matches!(message, FeedEvent::Synced { .. }))
    );
    assert_eq!(store.contents().sessions.len(), 1);
    let after = epoch_of(store.watch().take(3).collect().await);
    assert!(before.is_some() && after.is_some() && before != after);
}

#[tokio::test]
async fn its_clock_can_jump_back() {
    let clock = ManualClock::at(Timestamp::from_secs(100));
    let store = ReferenceStore::new(clock.clone());
    store.faults().jump_clock(-10_000);
    assert_eq!(store.now().await.unwrap(), Timestamp::from_secs(90));
    let node = NodeId::new("n").unwrap();
    let beat = Touch::Node { node, seen_at: Timestamp::from_secs(90), drain_for: None };
    assert_eq!(store.touch(&[beat]).await.unwrap(), []);
    let alive =
        store.watch().filter(|m| std::future::ready(matches!(m, FeedEvent::Alive { .. }))).next().await;
    assert!(matches!(alive, Some(FeedEvent::Alive { at, .. }) if at == Timestamp::from_secs(90)));
}
