//! Publish/subscribe with history, for messages that are not presence: job updates, chat, typing.
//!
//! A [`Broker`] stores events in channels, delivers them to subscribers on every process, and
//! replays what a subscriber has missed. Presence itself does not use it.

mod channel;
mod event;
pub mod hub;

pub use channel::Channel;
pub use event::{Delivery, Event, EventId, EventKind, Missed, Publish, Published, Start, check_payload};

use crate::store::Result;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::sync::Arc;

/// Delivers messages to the subscribers of channels, stores them for a while, and replays them.
///
/// # Contract
/// Each clause has a test of its name in [`conformance`](crate::conformance).
///
/// | clause | what holds |
/// |---|---|
/// | B1 | `publish` is acknowledged once the event is stored. Every acknowledged event reaches every subscriber of its channel, on every process, exactly once and in the order of the ids |
/// | B2 | ids of one channel increase, but may have gaps. They contain the incarnation of the history; after a loss of data the new history has another incarnation |
/// | B3 | a publish with an idempotency key that the channel has already received stores nothing and returns `Repeated` with the id of the first event. This holds while that event is in the history, and for at least [`KEYS_FOR`] |
/// | B4 | once an event with `last` is stored, its channel is closed: later publishes return `Closed` with its id and store nothing, until the history of the channel has expired |
/// | B5 | the history of a channel is limited by count, bytes and age; the oldest events are trimmed |
/// | B6 | a subscription from `After(id)` delivers everything after `id`, then live events, without gaps or repeats. From `Last(n)` it delivers the newest `n` stored events, then live ones. From `Live` it delivers only what is published after it has begun, which is when its first poll has returned `Pending`, or later. From `Here` it does the same, after a `Position`: another subscription that starts after that position misses and repeats nothing |
/// | B7 | `Missed` announces events that cannot be replayed: the history was trimmed or is of another incarnation, or the subscriber was too slow. The subscription then continues with the oldest stored event. No event is ever skipped without a `Missed` |
/// | B8 | a subscription never ends by itself; during an outage it is silent, and then continues where it was |
/// | B9 | `signal` reaches the present subscribers, on every process, at most once. A signal is never stored or replayed, and a slow subscriber may lose it |
/// | B10 | channels never leak into each other or into other namespaces, for any bytes that their names allow |
/// | B11 | `subscribe_prefix` delivers live events and signals of all channels whose name starts with the prefix; lost ones are announced by one `Missed` |
/// | B12 | a subscriber that does not read takes a bounded amount of memory and delays no other |
/// | B13 | `history` returns the newest stored events of a channel, oldest first; for an unknown channel, none |
/// | B14 | `remove` drops the history of a channel and opens it again; subscribers are not notified, and later ids are greater or of another incarnation |
/// | E1 | errors are classified by what the caller should do, as those of a store ([`Kind`](crate::store::Kind)) |
///
/// # Errors
/// After [`Kind::Timeout`](crate::store::Kind::Timeout) the event may have been stored: repeat the
/// publish with the same key to find out without storing it twice.
///
/// # Cancellation
/// A call whose future is dropped may or may not have had its effect, as after a timeout. Dropping
/// a stream unsubscribes.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Stores an event and delivers it: B1–B5.
    async fn publish(&self, message: Publish) -> Result<Published>;

    /// Delivers a message to the present subscribers without storing it: B9.
    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()>;

    /// Delivers the events of a channel: B6–B8.
    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery>;

    /// Delivers what is published from now on in all channels whose name starts with `prefix`: B11.
    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery>;

    /// Reads the newest `count` events of a channel: B13.
    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>>;

    /// Drops the history of a channel: B14.
    async fn remove(&self, channel: &Channel) -> Result<()>;

    /// Returns once the server has answered, for health checks.
    async fn ping(&self) -> Result<()>;
}

#[async_trait]
impl<B: Broker + ?Sized> Broker for Arc<B> {
    async fn publish(&self, message: Publish) -> Result<Published> {
        (**self).publish(message).await
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        (**self).signal(channel, payload).await
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        (**self).subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        (**self).subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        (**self).history(channel, count).await
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        (**self).remove(channel).await
    }

    async fn ping(&self) -> Result<()> {
        (**self).ping().await
    }
}

/// The minimum time for which an idempotency key is kept, even if its event was trimmed by count or
/// bytes (unless a budget of all histories is exceeded).
pub const KEYS_FOR: std::time::Duration = std::time::Duration::from_mins(2);
/// The largest payload, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// The longest idempotency key, in bytes.
pub const MAX_KEY: usize = 256;

/// The limits of each channel's history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Most events of one channel. Default 1,000; at least 1.
    pub count: usize,
    /// Most bytes of payload of one channel. Default 1 MiB; at least one payload of
    /// [`MAX_PAYLOAD`].
    pub bytes: usize,
    /// How long an event is stored. Default one day; at least 1 s. A channel without
    /// events costs nothing.
    pub age: std::time::Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { count: 1_000, bytes: 1024 * 1024, age: std::time::Duration::from_hours(24) }
    }
}

impl Retention {
    /// Limits the number of events of one channel.
    ///
    /// ```
    /// use presence_core::broker::Retention;
    /// use std::time::Duration;
    /// let retention = Retention::default().count(200).age(Duration::from_hours(1));
    /// assert_eq!(retention.count, 200);
    /// ```
    pub fn count(self, count: usize) -> Self {
        Self { count: count.max(1), ..self }
    }

    /// Limits the bytes of payload of one channel.
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes: bytes.max(MAX_PAYLOAD), ..self }
    }

    /// Sets how long events are stored.
    pub fn age(self, age: std::time::Duration) -> Self {
        Self { age: age.max(std::time::Duration::from_secs(1)), ..self }
    }
}
