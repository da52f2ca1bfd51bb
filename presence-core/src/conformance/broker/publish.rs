//! B1 to B5: `publish`.

use super::{ALL, BrokerHarness, channel, message, next_event, next_texts, pair, store, text, untested};
use crate::broker::{Broker, EventKind, MAX_PAYLOAD, Published, Retention};
use std::collections::HashSet;

/// B1: events of two handles reach the subscribers of both.
pub async fn b1_acknowledged_events_reach_every_handle_once_and_in_order<H: BrokerHarness>(harness: &H) {
    let brokers = pair(harness).await;
    let mut early = [0, 1].map(|n: usize| brokers[n].subscribe(&channel("c"), ALL));
    let mut sent = Vec::new();
    for n in 0..40 {
        let id = store(&*brokers[n % 2], message("c", n)).await;
        sent.push((id, n.to_string()));
    }
    let mut late = [0, 1].map(|n: usize| brokers[n].subscribe(&channel("c"), ALL));
    for stream in early.iter_mut().chain(&mut late) {
        for expected in &sent {
            let event = next_event(harness, stream).await;
            assert_eq!(&(event.id, text(&event)), expected);
            assert_eq!((event.channel.as_str(), event.kind), ("c", EventKind::Ordinary));
        }
    }
}

/// B1: all subscribers see the same order, which the server decides.
pub async fn b1_concurrent_publishes_have_one_order<H: BrokerHarness>(harness: &H) {
    const EACH: usize = 50;
    let brokers = pair(harness).await;
    let mut streams = [0, 1].map(|n: usize| brokers[n].subscribe(&channel("c"), ALL));
    let publish = |n: usize| {
        let broker = &brokers[n];
        async move {
            for k in 0..EACH {
                store(&**broker, message("c", format!("{n}/{k}"))).await;
            }
        }
    };
    let ((), (), one) = tokio::join!(publish(0), publish(1), next_texts(harness, &mut streams[0], 2 * EACH));
    assert_eq!(one.iter().collect::<HashSet<_>>().len(), 2 * EACH);
    assert_eq!(next_texts(harness, &mut streams[1], 2 * EACH).await, one);
    let own = |n: usize| one.iter().filter(move |text| text.starts_with(&format!("{n}/"))).cloned();
    for n in [0, 1] {
        assert!(own(n).eq((0..EACH).map(|k| format!("{n}/{k}"))), "one publisher's events keep their order");
    }
}

/// B2: numbers grow within one history.
pub async fn b2_ids_increase<H: BrokerHarness>(harness: &H) {
    let brokers = pair(harness).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(store(&*brokers[n % 2], message("c", n)).await);
    }
    for pair in ids.windows(2) {
        assert_eq!(pair[0].incarnation, pair[1].incarnation);
        assert!(pair[0].number < pair[1].number, "{ids:?}");
    }
    let spelled: Vec<_> = ids.iter().map(|id| id.to_string().parse().ok()).collect();
    assert_eq!(spelled, ids.iter().copied().map(Some).collect::<Vec<_>>());
}

/// B2: ids of a lost history are never used again.
pub async fn b2_after_a_loss_the_history_has_another_incarnation<H: BrokerHarness>(harness: &H) {
    let [broker, _] = pair(harness).await;
    let before = store(&*broker, message("c", "a")).await;
    if let Err(cannot) = harness.lose_data().await {
        return untested("B2", cannot);
    }
    let after = super::store_in_the_end(harness, &*broker, message("c", "b")).await;
    assert_ne!(before.incarnation, after.incarnation);
}

/// B3: the second publish with a key returns the id of the first one.
pub async fn b3_a_repeated_key_stores_nothing<H: BrokerHarness>(harness: &H) {
    let [one, two] = pair(harness).await;
    let mut stream = two.subscribe(&channel("c"), ALL);
    let first = store(&*one, message("c", "a").key("k")).await;
    for broker in [&one, &two] {
        let repeated = broker.publish(message("c", "again").key("k")).await.ok();
        assert_eq!(repeated, Some(Published::Repeated(first)));
    }
    store(&*one, message("c", "b").key("K")).await;
    store(&*one, message("c", "c")).await;
    store(&*one, message("c", "c")).await;
    assert_eq!(next_texts(harness, &mut stream, 4).await, ["a", "b", "c", "c"]);
}

/// B3: another channel may use the same key.
pub async fn b3_keys_of_different_channels_are_independent<H: BrokerHarness>(harness: &H) {
    let [broker, _] = pair(harness).await;
    for name in ["c", "d", "c:k", "c k"] {
        store(&*broker, message(name, "x").key("k")).await;
    }
    for odd in ["", "k:k", "k k", "k*", "\u{1F511}", "k\n", &"k".repeat(256)] {
        let first = store(&*broker, message("c", "x").key(odd)).await;
        let repeated = broker.publish(message("c", "x").key(odd)).await.ok();
        assert_eq!(repeated, Some(Published::Repeated(first)), "{odd:?}");
    }
}

/// B3: a key is remembered for a while even if its event is trimmed.
pub async fn b3_a_key_is_kept_after_its_event_is_trimmed<H: BrokerHarness>(harness: &H) {
    let broker = harness.open("a", Retention::default().count(2)).await;
    let first = store(&*broker, message("c", "a").key("k")).await;
    for n in 0..5 {
        store(&*broker, message("c", n)).await;
    }
    let repeated = broker.publish(message("c", "a").key("k")).await.ok();
    assert_eq!(repeated, Some(Published::Repeated(first)));
}

/// B4: nothing is stored after the last event.
pub async fn b4_the_last_event_closes_its_channel<H: BrokerHarness>(harness: &H) {
    let [one, two] = pair(harness).await;
    let first = store(&*one, message("c", "a").key("k")).await;
    let last = store(&*one, message("c", "end").key("e").last()).await;
    for broker in [&one, &two] {
        assert_eq!(broker.publish(message("c", "late")).await.ok(), Some(Published::Closed(last)));
        assert_eq!(broker.publish(message("c", "late").last()).await.ok(), Some(Published::Closed(last)));
        // A repeated publish gets the same answer whether or not the channel is closed.
        let repeated = broker.publish(message("c", "a").key("k")).await.ok();
        assert_eq!(repeated, Some(Published::Repeated(first)));
        let repeated = broker.publish(message("c", "end").key("e").last()).await.ok();
        assert_eq!(repeated, Some(Published::Repeated(last)));
    }
    store(&*two, message("d", "another channel is open")).await;
    let stored = two.history(&channel("c"), usize::MAX).await.expect("a history");
    assert_eq!(
        stored.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::Ordinary, EventKind::Last]
    );
    let mut stream = two.subscribe(&channel("c"), ALL);
    assert_eq!(next_event(harness, &mut stream).await.kind, EventKind::Ordinary);
    assert_eq!(next_event(harness, &mut stream).await.kind, EventKind::Last);
}

/// B4: the name of a closed channel can be used again once its history has expired.
pub async fn b4_a_closed_channel_opens_again_when_its_history_expires<H: BrokerHarness>(harness: &H) {
    let age = harness.shortest_age();
    let broker = harness.open("a", Retention::default().age(age)).await;
    let last = store(&*broker, message("c", "end").last()).await;
    harness.advance(2 * age).await;
    let next = store(&*broker, message("c", "new")).await;
    assert!(next.incarnation != last.incarnation || next.number > last.number);
}

/// B5: beyond the count, the oldest events are dropped.
pub async fn b5_history_is_limited_by_count<H: BrokerHarness>(harness: &H) {
    let broker = harness.open("a", Retention::default().count(3)).await;
    for n in 0..10 {
        store(&*broker, message("c", n)).await;
    }
    assert_eq!(stored(&*broker).await, ["7", "8", "9"]);
}

/// B5: beyond the bytes of payload, the oldest events are dropped.
pub async fn b5_history_is_limited_by_bytes<H: BrokerHarness>(harness: &H) {
    let broker = harness.open("a", Retention::default().bytes(MAX_PAYLOAD)).await;
    let payload = |n: usize| format!("{n}{}", "x".repeat(100 * 1024));
    for n in 0..5 {
        store(&*broker, message("c", payload(n))).await;
    }
    let lengths: Vec<_> = stored(&*broker).await.iter().map(|text| text[..1].to_owned()).collect();
    assert_eq!(lengths, ["3", "4"]);
    store(&*broker, message("c", "y".repeat(MAX_PAYLOAD))).await;
    assert_eq!(stored(&*broker).await.len(), 1);
}

/// B5: beyond the age, events are dropped.
pub async fn b5_history_is_limited_by_age<H: BrokerHarness>(harness: &H) {
    let age = harness.shortest_age();
    let broker = harness.open("a", Retention::default().age(age)).await;
    store(&*broker, message("c", "old")).await;
    harness.advance(2 * age).await;
    assert_eq!(stored(&*broker).await, [""; 0]);
    store(&*broker, message("c", "new")).await;
    assert_eq!(stored(&*broker).await, ["new"]);
}

async fn stored(broker: &dyn Broker) -> Vec<String> {
    let stored = broker.history(&channel("c"), usize::MAX).await.expect("a history");
    stored.iter().map(text).collect()
}
