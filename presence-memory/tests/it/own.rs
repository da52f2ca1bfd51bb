//! Guarantees of this store that the contract does not require.

use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};
use presence_core::store::{
    BATCH_ENTRIES, Departure, FeedEvent, ForgetIf, Kind, Misses, PresenceStore, Session, Touch,
};
use presence_core::testing::{self, ManualClock};
use presence_core::time::Blind;
use presence_core::{SessionKey, Timestamp, Topic, Topics};
use presence_memory::{MemoryStore, QUEUE_ENTRIES};
use std::collections::HashSet;
use std::time::Duration;

fn session(n: usize) -> Session {
    testing::session(&format!("user-{n}"), "tab", Timestamp::from_secs(1))
}

fn touch(n: usize, secs: u64) -> Touch {
    let Session { user, id, .. } = session(n);
    Touch::Session { user, id, seen_at: Timestamp::from_secs(secs), active_at: Timestamp::from_secs(secs) }
}

/// Everything that is delivered without waiting.
fn received(feed: &mut BoxStream<'static, FeedEvent>) -> Vec<FeedEvent> {
    let mut received = Vec::new();
    while let Some(Some(message)) = feed.next().now_or_never() {
        received.push(message);
    }
    received
}

#[tokio::test]
async fn a_handle_does_not_receive_its_own_writes_and_others_do() {
    let store = MemoryStore::with_clock(ManualClock::default());
    let other = store.clone();
    let (mut own, mut others) = (store.watch(), other.watch());
    received(&mut own);
    received(&mut others);
    store.put(&[session(1)]).await.unwrap();
    assert_eq!(store.touch(&[touch(1, 2)]).await.unwrap(), Misses::new());
    assert_eq!(received(&mut own), []);
    assert!(matches!(&received(&mut others)[..], [FeedEvent::Facts(_), FeedEvent::Touched(_)]));
    other.touch(&[touch(1, 3)]).await.unwrap();
    assert!(matches!(&received(&mut own)[..], [FeedEvent::Touched(_)]));
    assert_eq!(received(&mut others), []);
}

#[tokio::test]
async fn two_watches_of_one_handle_both_receive_its_writes() {
    let store = MemoryStore::with_clock(ManualClock::default());
    let (mut one, mut two) = (store.watch(), store.watch());
    received(&mut one);
    received(&mut two);
    store.put(&[session(1)]).await.unwrap();
    assert!(matches!(&received(&mut one)[..], [FeedEvent::Facts(_)]));
    assert!(matches!(&received(&mut two)[..], [FeedEvent::Facts(_)]));
    drop(two);
    store.put(&[session(2)]).await.unwrap();
    assert_eq!(received(&mut one), []);
}

#[tokio::test]
async fn the_feed_of_a_slow_reader_ends_and_a_new_one_delivers_everything() {
    let store = MemoryStore::with_clock(ManualClock::default());
    let mut feed = store.clone().watch();
    received(&mut feed);
    let all: Vec<_> = (0..=QUEUE_ENTRIES).map(session).collect();
    store.put(&all[..QUEUE_ENTRIES]).await.unwrap();
    assert_eq!(count(&received(&mut feed)), QUEUE_ENTRIES);
    store.put(&all).await.unwrap();
    assert_eq!(feed.next().await, None);
    assert_eq!(count(&received(&mut store.watch())), all.len());
}

fn count(messages: &[FeedEvent]) -> usize {
    let sessions =
        messages.iter().map(|m| if let FeedEvent::Facts(facts) = m { facts.sessions.len() } else { 0 });
    sessions.sum()
}

#[tokio::test]
async fn a_snapshot_is_delivered_in_parts_with_later_changes_between_them() {
    let store = MemoryStore::with_clock(ManualClock::default());
    let all: Vec<_> = (0..3_000).map(session).collect();
    store.put(&all).await.unwrap();
    let writer = store.clone();
    let mut feed = store.watch();
    let (mut slices, mut touched) = (0, 0);
    loop {
        match feed.next().await.unwrap() {
            FeedEvent::Facts(facts) => {
                assert!(facts.sessions.len() <= BATCH_ENTRIES);
                slices += 1;
                // Sessions that were delivered before get these touches now; the others are
                // delivered with the new times.
                let touches: Vec<_> = (0..3_000).map(|n| touch(n, 100 + slices)).collect();
                writer.touch(&touches).await.unwrap();
            }
            FeedEvent::Touched(_) => touched += 1,
            FeedEvent::Synced { .. } => break,
            message => panic!("{message:?} before the end of the snapshot"),
        }
    }
    assert!(slices >= 6 && touched > 0, "{slices} slices, {touched} touches");
}

#[tokio::test]
async fn time_is_proven_immediately_and_then_four_times_a_second() {
    let clock = ManualClock::at(Timestamp::from_secs(10));
    let store = MemoryStore::with_clock(clock.clone());
    let mut feed = store.watch();
    let alive = |millis| FeedEvent::Alive { shard: 0, at: Timestamp::from_millis(millis), blind: [].into() };
    assert_eq!(received(&mut feed).last(), Some(&alive(10_000)));
    let mut proofs = Vec::new();
    for _ in 0..4 {
        clock.advance(Duration::from_millis(250)).await;
        proofs.extend(received(&mut feed));
    }
    assert_eq!(proofs, [alive(10_250), alive(10_500), alive(10_750), alive(11_000)]);
}

#[tokio::test]
async fn skipped_virtual_time_is_not_blind_for_a_watch_that_was_open() {
    let clock = ManualClock::at(Timestamp::from_secs(10));
    let store = MemoryStore::with_clock(clock.clone());
    let mut feed = store.watch();
    received(&mut feed);
    clock.advance(Duration::from_hours(1)).await;
    let at = Timestamp::from_secs(3_610);
    let proof = [FeedEvent::Skipped { shard: 0 }, FeedEvent::Alive { shard: 0, at, blind: [].into() }];
    assert_eq!(received(&mut feed), proof);
    // No watch was open while this time was skipped.
    drop(feed);
    clock.advance(Duration::from_hours(1)).await;
    let blind = Blind { from: at, to: Timestamp::from_secs(7_210) };
    let alive = FeedEvent::Alive { shard: 0, at: blind.to, blind: [blind].into() };
    assert_eq!(received(&mut store.watch()).last(), Some(&alive));
}

#[tokio::test]
async fn proofs_are_delivered_between_changes_to_a_busy_reader() {
    let clock = ManualClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    let mut feed = store.clone().watch();
    received(&mut feed);
    let mut proofs = 0;
    for n in 0..40 {
        // More is written than is read.
        let all: Vec<_> = (0..2 * BATCH_ENTRIES).map(|k| session(n * 1_000 + k)).collect();
        store.put(&all).await.unwrap();
        clock.advance(Duration::from_millis(250)).await;
        for _ in 0..2 {
            proofs += usize::from(matches!(feed.next().await, Some(FeedEvent::Alive { .. })));
        }
    }
    assert!(proofs > 2, "{proofs} proofs");
}

#[tokio::test]
async fn forgotten_sessions_are_freed_while_a_snapshot_is_delivered() {
    let store = MemoryStore::with_clock(ManualClock::default());
    let all: Vec<_> = (0..100_000).map(session).collect();
    store.put(&all).await.unwrap();
    let mut feed = store.watch();
    let first = feed.next().await.unwrap();
    let at = Timestamp::from_secs(1);
    for session in &all[..99_000] {
        store.forget(&[ForgetIf::Session { key: session.key(), seen_at: at, placed_at: at }]).await.unwrap();
    }
    // The shards moved the remaining sessions to other slots during the snapshot, and none of them
    // is missing.
    let mut messages = received(&mut feed);
    messages.push(first);
    assert!(count(&messages) < 20_000, "{}", count(&messages));
    let facts =
        messages.iter().filter_map(|m| if let FeedEvent::Facts(facts) = m { Some(facts) } else { None });
    let shown: HashSet<_> = facts.flat_map(|facts| facts.sessions.iter().map(Session::key)).collect();
    assert!(all[99_000..].iter().all(|session| shown.contains(&session.key())));
    let users: Vec<_> = all.iter().map(|session| session.user.clone()).collect();
    assert_eq!(store.load(&users).await.unwrap().sessions, all[99_000..]);
    assert_eq!(count(&received(&mut store.clone().watch())), 1_000);
}

#[tokio::test]
async fn a_full_store_refuses_new_and_growing_records_and_accepts_all_others() {
    let store = MemoryStore::with_clock(ManualClock::default());
    store.put(&(0..20).map(session).collect::<Vec<_>>()).await.unwrap();
    let store = store.clone().max_bytes(store.bytes());
    let full = |result: Result<(), presence_core::store::Error>| result.unwrap_err().kind() == Kind::Full;
    let mut feed = store.clone().watch();
    received(&mut feed);
    let moved = |n: usize, topics: Topics| {
        let mut session = session(n);
        session.placement.placed_at = Timestamp::from_secs(2);
        session.placement.topics = topics;
        session
    };
    // Entries of a batch that need no room are accepted whatever precedes them.
    let hall = || Topics::new([Topic::new("hall").unwrap()]).unwrap();
    let batch = [session(20), moved(3, hall()), moved(4, Topics::NONE)];
    assert!(full(store.put(&batch).await));
    let placed_at = async |n: usize| {
        let facts = store.load(&[session(n).user]).await.unwrap();
        facts.sessions.first().map(|session| session.placement.placed_at.as_millis())
    };
    assert_eq!(
        (placed_at(20).await, placed_at(3).await, placed_at(4).await),
        (None, Some(1_000), Some(2_000))
    );
    // No watch delivers refused sessions.
    let sessions = received(&mut feed).into_iter().map(|feed| match feed {
        FeedEvent::Facts(facts) => facts.sessions.len(),
        _ => 0,
    });
    assert_eq!(sessions.sum::<usize>(), 1);
    assert_eq!(store.touch(&[touch(1, 2)]).await.unwrap(), Misses::new());
    let mut left = session(5);
    let at = Timestamp::from_secs(2);
    left.placement.left = Some(Departure { at, ends_at: at });
    store.put(&[left]).await.unwrap();
    // Forgotten sessions make room.
    let Session { user, id, .. } = session(6);
    let key = SessionKey { user, id };
    store.forget(&[ForgetIf::Session { key, seen_at: at, placed_at: at }]).await.unwrap();
    store.put(&[session(20)]).await.unwrap();
    assert!(full(store.put(&[session(21)]).await));
}
