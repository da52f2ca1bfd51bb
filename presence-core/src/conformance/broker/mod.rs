//! The suite that every [`Broker`] passes: one named test per clause of its
//! [contract](crate::Broker), for two handles on one server.
//!
//! A broker implements a [`BrokerHarness`]. The whole test file of a third party:
//!
//! ```
//! use presence_core::broker::{Broker, Retention};
//! use presence_core::testing::conformance::{Cannot, broker::{BrokerHarness, ReferenceServer as MyServer}};
//! use presence_core::broker_conformance_tests;
//! use presence_core::testing::ManualClock;
//! use std::{sync::Arc, time::Duration};
//!
//! struct Mine(ManualClock, MyServer);
//!
//! #[async_trait::async_trait]
//! impl BrokerHarness for Mine {
//!     async fn fresh() -> Self {
//!         let clock = ManualClock::default();
//!         Self(clock.clone(), MyServer::new(clock))
//!     }
//!     async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
//!         Arc::new(self.1.open(namespace, retention))
//!     }
//!     async fn advance(&self, by: Duration) {
//!         self.0.advance(by).await;
//!     }
//! }
//!
//! broker_conformance_tests!(Mine);
//! # fn main() {}
//! ```
//!
//! If a broker [cannot](Cannot) provide something, the case that needs it prints the reason
//! instead.

pub mod errors;
mod harness;
pub mod history;
pub mod isolation;
mod macros;
pub mod publish;
mod reference;
pub mod signals;
pub mod subscribe;

pub use harness::BrokerHarness;
pub use reference::{ReferenceBroker, ReferenceServer};

use super::Cannot;
use crate::broker::{Broker, Channel, Delivery, Event, EventId, Publish, Published, Retention, Start};
use crate::store::Kind;
use futures_util::stream::{BoxStream, StreamExt};
use std::fmt;
use std::sync::Arc;

type Stream = BoxStream<'static, Delivery>;

/// The whole history, then live events.
const ALL: Start = Start::Last(usize::MAX);

fn channel(name: &str) -> Channel {
    Channel::new(name).expect("a valid name")
}

fn message(name: &str, payload: impl fmt::Display) -> Publish {
    Publish::new(channel(name), format!("{payload}"))
}

fn text(event: &Event) -> String {
    String::from_utf8_lossy(&event.payload).into_owned()
}

/// Two handles on the namespace `a`, with the default retention.
async fn pair<H: BrokerHarness>(harness: &H) -> [Arc<dyn Broker>; 2] {
    [harness.open("a", Retention::default()).await, harness.open("a", Retention::default()).await]
}

/// Publishes a message that must be stored.
async fn store(broker: &dyn Broker, message: Publish) -> EventId {
    match broker.publish(message).await {
        Ok(Published::Stored(id)) => id,
        other => panic!("not stored: {other:?}"),
    }
}

/// Repeats a publish until it is acknowledged, as a publisher does during an outage.
async fn store_in_the_end<H: BrokerHarness>(harness: &H, broker: &dyn Broker, message: Publish) -> EventId {
    let repeat = async {
        loop {
            match broker.publish(message.clone()).await {
                Ok(published) => return published.id(),
                Err(error) => {
                    assert!(matches!(error.kind(), Kind::Unavailable | Kind::Timeout), "{error}");
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
        }
    };
    tokio::time::timeout(harness.patience(), repeat).await.expect("a publish is taken in the end")
}

/// The next delivery; panics if none arrives.
async fn next<H: BrokerHarness>(harness: &H, stream: &mut Stream) -> Delivery {
    let next = tokio::time::timeout(harness.patience(), stream.next()).await;
    next.expect("a delivery comes in time").expect("a subscription never ends")
}

/// The next delivery; panics if it is not an event.
async fn next_event<H: BrokerHarness>(harness: &H, stream: &mut Stream) -> Event {
    match next(harness, stream).await {
        Delivery::Event(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}

/// The payloads of the next `count` deliveries, which must be events.
async fn next_texts<H: BrokerHarness>(harness: &H, stream: &mut Stream, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(text(&next_event(harness, stream).await));
    }
    texts
}

/// A subscription that has certainly begun: it has delivered a message that was published after its
/// first poll.
///
/// The messages published for this purpose have the payload `begun`, and may be delivered again.
async fn begun<H: BrokerHarness>(harness: &H, broker: &dyn Broker, on: &Channel, stream: Stream) -> Stream {
    let (stream, first) = next_after_begun(harness, broker, on, stream).await;
    assert_eq!(text(&first), "begun", "only what is live comes");
    stream
}

/// Like [`begun`], with the first event that was delivered.
async fn next_after_begun<H: BrokerHarness>(
    harness: &H,
    broker: &dyn Broker,
    on: &Channel,
    mut stream: Stream,
) -> (Stream, Event) {
    let begin = async {
        let every = std::time::Duration::from_millis(20);
        loop {
            if let Ok(delivery) = tokio::time::timeout(every, stream.next()).await {
                return delivery;
            }
            store(broker, Publish::new(on.clone(), "begun")).await;
        }
    };
    let first = tokio::time::timeout(harness.patience(), begin).await.expect("a subscription begins");
    match first {
        Some(Delivery::Event(event)) => (stream, event),
        other => panic!("not an event: {other:?}"),
    }
}

/// The next delivery that is not a message of [`begun`].
async fn next_new<H: BrokerHarness>(harness: &H, stream: &mut Stream) -> Delivery {
    loop {
        match next(harness, stream).await {
            Delivery::Event(event) if event.payload == "begun" => {}
            delivery => return delivery,
        }
    }
}

/// Prints that a case has tested nothing.
fn untested(clause: &str, Cannot(why): Cannot) {
    eprintln!("{clause} is not tested: {why}");
}

#[cfg(test)]
mod tests;
