//! The memory broker passes the conformance suite, and has further guarantees.

use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt};
use presence_core::broker::{
    Broker, Channel, Delivery, KEYS_FOR, Missed, Publish, Published, Retention, Start,
};
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::broker::BrokerHarness;
use presence_core::{Timestamp, broker_conformance_tests};
use presence_memory::{HISTORY_BYTES, MemoryBroker};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Memory {
    clock: ManualClock,
    namespaces: Mutex<HashMap<String, MemoryBroker>>,
}

#[async_trait::async_trait]
impl BrokerHarness for Memory {
    async fn fresh() -> Self {
        Self::default()
    }

    async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
        let new = || MemoryBroker::with(retention, HISTORY_BYTES, self.clock.clone());
        Arc::new(self.namespaces.lock().unwrap().entry(namespace.to_owned()).or_insert_with(new).clone())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }
}

broker_conformance_tests!(Memory);

fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

fn message(name: &str, payload: &str) -> Publish {
    Publish::new(channel(name), payload.to_owned())
}

/// Everything that is delivered without waiting.
fn delivered(stream: &mut BoxStream<'static, Delivery>) -> Vec<Delivery> {
    let mut delivered = Vec::new();
    while let Some(Some(delivery)) = stream.next().now_or_never() {
        delivered.push(delivery);
    }
    delivered
}

fn broker(retention: Retention, budget: usize) -> (MemoryBroker, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_secs(1_000));
    (MemoryBroker::with(retention, budget, clock.clone()), clock)
}

#[tokio::test]
async fn a_subscription_begins_with_its_first_poll() {
    let (broker, _clock) = broker(Retention::default(), HISTORY_BYTES);
    let mut live = broker.subscribe(&channel("c"), Start::Live);
    assert_eq!(delivered(&mut live), []);
    broker.clone().publish(message("c", "a")).await.unwrap();
    assert!(matches!(&delivered(&mut live)[..], [Delivery::Event(event)] if event.payload == "a"));
}

#[tokio::test]
async fn subscribers_of_one_channel_share_the_payload() {
    let (broker, _clock) = broker(Retention::default(), HISTORY_BYTES);
    let mut streams: Vec<_> = (0..100).map(|_| broker.subscribe(&channel("c"), Start::Live)).collect();
    streams.iter_mut().for_each(|stream| assert_eq!(delivered(stream), []));
    broker.publish(message("c", "shared")).await.unwrap();
    let payloads = streams.iter_mut().map(|stream| match &delivered(stream)[..] {
        [Delivery::Event(event)] => event.payload.clone(),
        other => panic!("{other:?}"),
    });
    let places: std::collections::HashSet<_> = payloads.map(|payload| payload.as_ptr()).collect();
    assert_eq!(places.len(), 1);
}

#[tokio::test]
async fn expired_histories_are_freed_without_a_call() {
    let (broker, clock) = broker(Retention::default().age(Duration::from_mins(1)), HISTORY_BYTES);
    for n in 0..1_000 {
        broker.publish(message(&format!("job:{n}"), "done").last()).await.unwrap();
    }
    clock.advance(Duration::from_secs(59)).await;
    assert_eq!(broker.stored().0, 1_000);
    clock.advance(Duration::from_secs(2)).await;
    assert_eq!(broker.stored(), (0, 0));
    // The sweeper runs again for the next history.
    broker.publish(message("again", "x")).await.unwrap();
    clock.advance(Duration::from_mins(2)).await;
    assert_eq!(broker.stored(), (0, 0));
}

#[tokio::test]
async fn beyond_the_total_budget_the_longest_unused_channels_are_dropped() {
    let (broker, _clock) = broker(Retention::default(), 100_000);
    for n in 0..100 {
        broker.publish(message(&format!("c{n}"), &"x".repeat(10_000))).await.unwrap();
        broker.publish(message("busy", "y")).await.unwrap();
    }
    let (channels, bytes) = broker.stored();
    assert!(bytes <= 100_000 && channels < 12, "{channels} channels, {bytes} bytes");
    assert_eq!(broker.history(&channel("busy"), usize::MAX).await.unwrap().len(), 100);
    assert_eq!(broker.history(&channel("c0"), 1).await.unwrap(), []);
}

#[tokio::test]
async fn idempotency_keys_are_kept_as_long_as_promised_and_then_dropped() {
    let (broker, clock) = broker(Retention::default().count(1), HISTORY_BYTES);
    let first = broker.publish(message("c", "a").key("k")).await.unwrap();
    let empty = broker.stored().1;
    broker.publish(message("c", "b")).await.unwrap();
    clock.advance(KEYS_FOR.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(broker.publish(message("c", "a").key("k")).await.unwrap(), Published::Repeated(first.id()));
    clock.advance(Duration::from_secs(1)).await;
    assert!(matches!(broker.publish(message("c", "a").key("k")).await.unwrap(), Published::Stored(_)));
    assert_eq!(broker.stored().1, empty);
}

#[tokio::test]
async fn idempotency_keys_of_one_channel_are_limited_by_the_budget() {
    let (broker, _clock) = broker(Retention::default().count(1), 100_000);
    for n in 0..10_000 {
        broker.publish(message("c", "a").key(format!("key-{n}"))).await.unwrap();
        assert!(broker.stored().1 <= 100_000);
    }
    // The newest keys are kept.
    let again = broker.publish(message("c", "a").key("key-9900")).await.unwrap();
    assert!(matches!(again, Published::Repeated(_)));
}

#[tokio::test]
async fn an_expiry_is_not_reported_to_a_subscriber_that_has_read_everything() {
    let (broker, clock) = broker(Retention::default().age(Duration::from_mins(1)), HISTORY_BYTES);
    let mut live = broker.subscribe(&channel("c"), Start::Live);
    assert_eq!(delivered(&mut live), []);
    let old = broker.publish(message("c", "a")).await.unwrap();
    assert_eq!(delivered(&mut live).len(), 1);
    clock.advance(Duration::from_mins(2)).await;
    broker.publish(message("c", "b")).await.unwrap();
    assert!(matches!(&delivered(&mut live)[..], [Delivery::Event(event)] if event.payload == "b"));
    let mut late = broker.subscribe(&channel("c"), Start::After(old.id()));
    assert!(matches!(
        &delivered(&mut late)[..],
        [Delivery::Missed(Missed::Incarnation), Delivery::Event(event)] if event.payload == "b"
    ));
}
