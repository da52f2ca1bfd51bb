//! B13 and B14: reading and removing a history.

use super::{ALL, BrokerHarness, channel, message, next_texts, pair, store, text};
use crate::broker::{Broker, Event};

async fn newest(broker: &dyn Broker, name: &str, count: usize) -> Vec<Event> {
    broker.history(&channel(name), count).await.expect("a history")
}

/// B13: `history` returns at most as many events as requested.
pub async fn b13_history_returns_the_newest_events_oldest_first<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(store(&*broker, message("c", n)).await);
    }
    for (count, expected) in [(0, 5), (1, 4), (3, 2), (5, 0), (usize::MAX, 0)] {
        let events = newest(&*other, "c", count).await;
        let found: Vec<_> = events.iter().map(|event| (event.id, text(event))).collect();
        let expected: Vec<_> = (expected..5).map(|n| (ids[n], n.to_string())).collect();
        assert_eq!(found, expected, "{count}");
    }
    assert_eq!(newest(&*other, "nothing", 5).await, []);
    let empty = store(&*broker, message("e", "")).await;
    assert_eq!(
        newest(&*other, "e", 1).await.iter().map(|e| (e.id, e.payload.len())).collect::<Vec<_>>(),
        [(empty, 0)]
    );
}

/// B14: a removed channel is like a new one, except for its ids.
pub async fn b14_remove_drops_the_history_and_opens_the_channel<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    store(&*broker, message("c", "a").key("k")).await;
    let last = store(&*broker, message("c", "end").last()).await;
    other.remove(&channel("c")).await.expect("removed");
    assert_eq!(newest(&*broker, "c", 5).await, []);
    let next = store(&*broker, message("c", "b").key("k")).await;
    assert!(next.incarnation != last.incarnation || next.number > last.number, "{last} {next}");
    assert_eq!(newest(&*other, "c", 5).await.iter().map(text).collect::<Vec<_>>(), ["b"]);
    other.remove(&channel("nothing")).await.expect("removing what is not there is harmless");
}

/// B14: subscribers continue with what is published next.
pub async fn b14_subscribers_are_not_notified_of_a_removal<H: BrokerHarness>(harness: &H) {
    let [broker, other] = pair(harness).await;
    let mut stream = other.subscribe(&channel("c"), ALL);
    store(&*broker, message("c", "a")).await;
    assert_eq!(next_texts(harness, &mut stream, 1).await, ["a"]);
    broker.remove(&channel("c")).await.expect("removed");
    store(&*broker, message("c", "b")).await;
    assert_eq!(next_texts(harness, &mut stream, 1).await, ["b"]);
}
