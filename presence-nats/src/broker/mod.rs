//! A broker on one JetStream stream.

mod chain;
mod follow;
mod heads;
mod history;
mod names;
mod options;
mod publish;
mod stored;
mod stream;

pub use options::BrokerOptions;

use crate::error::{rejected, unavailable};
use crate::jetstream::client;
use crate::jetstream::link::{ConnectionState, Link};
use async_nats::{Client, ConnectOptions};
use async_trait::async_trait;
use bytes::Bytes;
use follow::Follower;
use futures_util::stream::BoxStream;
use heads::Heads;
use parking_lot::Mutex;
use presence_core::broker::hub::{Backend, Hub, Interest, Page, ReadFrom, WeakHub};
use presence_core::broker::{Broker, Channel, Delivery, Event, Publish, Published, Start, check_payload};
use presence_core::store::Result;
use std::fmt;
use std::sync::{Arc, OnceLock};
use stream::Events;

/// A [`Broker`] on NATS JetStream: one stream for all channels, and one connection and one consumer
/// for each process.
///
/// For the namespace `chat`, the stream is `EVENTS_chat` and the events of the channel `room:1`
/// have the subject `$KV.chat=events.room=3A1`, encoded as ids are (see the [crate]); signals have
/// the subject `presence.chat.signal.room=3A1`. An account needs what a store needs, and to publish
/// and subscribe to `presence.chat.signal.*`.
///
/// - **Every event refers to the one before it** (header `Presence-Event`), and is stored only if
///   that is still the newest (`Nats-Expected-Last-Subject-Sequence`). So readers notice gaps, and
///   no event follows the one that closes a channel. A process publishes to a channel one event per
///   round trip.
/// - **Each history of a channel has an incarnation**, a random number chosen by the publisher of
///   its first event.
/// - **A read of history returns everything that was stored before the call**, in a cluster as
///   well: the newest event is read from the stream's leader.
/// - **A publish without a response** is repeated for some 10 s, on the same condition, so an
///   election neither loses nor duplicates the event. If the result is still unknown after that,
///   the publish fails with a [`Timeout`](presence_core::store::Kind::Timeout).
/// - **During an outage subscriptions deliver nothing.** After it the consumer continues at its
///   position. If the stream was replaced or is shorter than before, subscribers get
///   [`Missed`](presence_core::broker::Missed).
///
/// A power failure may lose the newest events of a stream in files, unless the server syncs every
/// write (`sync_interval`) or the stream has replicas. The id of a lost event may be used again.
///
/// Clones share the connection, the caches and the consumer.
///
/// ```no_run
/// use presence_core::broker::{Broker, Channel, Publish};
/// use presence_nats::{BrokerOptions, Namespace, NatsBroker, async_nats::ConnectOptions};
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let options = BrokerOptions::new(Namespace::new("chat")?);
/// let broker = NatsBroker::connect("nats://127.0.0.1:4222", ConnectOptions::new(), options)?;
/// broker.publish(Publish::new(Channel::new("room:1")?, "hello")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NatsBroker {
    shared: Arc<Shared>,
    hub: Hub,
}

struct Shared {
    events: Arc<Events>,
    heads: Arc<Heads>,
    hub: OnceLock<WeakHub>,
    /// The follower; started by the first subscription.
    follower: Mutex<Option<Follower>>,
}

impl NatsBroker {
    /// Makes a broker on the server or cluster at these URLs, as
    /// [`NatsStore::connect`](crate::NatsStore::connect) takes them. Returns at once, even while
    /// the server is down; the client connects in the background and retries until it succeeds.
    ///
    /// ```no_run
    /// use presence_nats::{BrokerOptions, Namespace, NatsBroker, async_nats::ConnectOptions};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = BrokerOptions::new(Namespace::new("chat")?);
    /// let broker = NatsBroker::connect("nats://127.0.0.1:4222", ConnectOptions::new(), options)?;
    /// # drop(broker);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`](presence_core::store::Kind::Rejected) when a URL or an option cannot be
    /// used, or outside of a tokio runtime.
    pub fn connect(urls: &str, connect: ConnectOptions, options: BrokerOptions) -> Result<Self> {
        options.check()?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(rejected("a connection to NATS needs a tokio runtime"));
        }
        let connection = ConnectionState::default();
        let client = client::of(urls, connect, &connection)?;
        Ok(Self::of(client, options, connection))
    }

    /// Makes a broker on an existing client, as
    /// [`NatsStore::with_client`](crate::NatsStore::with_client) takes it.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`](presence_core::store::Kind::Rejected) when an option cannot be used.
    pub fn with_client(client: Client, options: BrokerOptions) -> Result<Self> {
        options.check()?;
        Ok(Self::of(client, options, ConnectionState::default()))
    }

    fn of(client: Client, options: BrokerOptions, connection: ConnectionState) -> Self {
        let link = Link::new(client, options.domain.as_deref(), options.call_timeout, connection);
        let shared = Arc::new(Shared {
            events: Arc::new(Events::new(link, options)),
            heads: Arc::default(),
            hub: OnceLock::new(),
            follower: Mutex::default(),
        });
        let hub = Hub::new(Arc::clone(&shared) as Arc<dyn Backend>);
        shared.hub.get_or_init(|| hub.downgrade());
        Self { shared, hub }
    }
}

#[async_trait]
impl Broker for NatsBroker {
    async fn publish(&self, message: Publish) -> Result<Published> {
        message.check()?;
        self.shared.publish(&message).await
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        check_payload(&payload)?;
        let Events { link, names, .. } = &*self.shared.events;
        // Without a connection, the client would buffer the signal and send it much later.
        link.connected().await?;
        let sent = link.client.publish(names.signals_of(channel), payload).await;
        sent.map_err(|error| unavailable("the client of NATS is closed").with_source(error))
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        self.hub.subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        self.hub.subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        let shared = &self.shared;
        shared.events.with(|traits| shared.history(traits, channel, count)).await
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        let events = &self.shared.events;
        events.with(|_| events.purge(channel, None)).await
    }

    async fn ping(&self) -> Result<()> {
        let events = &self.shared.events;
        events.with(|_| async { events.info().await.map(drop) }).await
    }
}

#[async_trait]
impl Backend for Shared {
    async fn open(&self, _interest: &Interest) -> Result<()> {
        self.follow().await
    }

    /// Nothing to do: one consumer serves all channels, and it stays open.
    fn close(&self, _interest: &Interest) {}

    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page> {
        self.events.with(|traits| self.page(traits, channel, from)).await
    }
}

impl fmt::Debug for NatsBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.shared.events.options.namespace;
        f.debug_struct("NatsBroker").field("namespace", namespace).finish_non_exhaustive()
    }
}
