//! A message broker on Redis and Valkey.

pub(crate) mod calls;
mod feed;
mod foreign;
mod names;
mod options;
mod witness;

pub use foreign::Foreign;
pub use options::BrokerOptions;

use crate::store::Sentinels;
use crate::wire::connection::Source;
use crate::wire::link::Link;
use async_trait::async_trait;
use bytes::Bytes;
use calls::{Calls, Once, READ, REMOVE, SIGNAL};
use feed::Ask;
use futures_util::stream::BoxStream;
use names::Names;
use presence_core::broker::hub::{Backend, Hub, Interest, Page, ReadFrom};
use presence_core::broker::{
    Broker, Channel, Delivery, Event, EventId, Publish, Published, Start, check_payload,
};
use presence_core::store::{Error, Kind, Result};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use witness::Witness;

/// A [`Broker`] on Redis ≥ 6.2 or Valkey: one server, Sentinel, or a cluster (there Redis ≥ 7).
///
/// Opening a broker does no I/O: it can be opened while its server is down, and recovers by itself.
/// It must be opened on a Tokio runtime. Clones share its two connections, whatever the number of
/// channels: one for calls, and one that receives all messages.
///
/// # In Redis
/// | key | what |
/// |---|---|
/// | `presence:log:{chat:room}` | STREAM of the events of the channel `room` in the namespace `chat` |
/// | `presence:meta:{chat:room}` | HASH: incarnation, number of the newest event and of the newest trimmed event, whether the channel is closed |
/// | `presence:key:4:{chat:room}:k` | STRING: the event that used the idempotency key `k` |
/// | `presence:heard:4:{chat:room}:…` | STRING: marks a foreign message that was stored |
/// | `presence:event:0:{chat:room}` | the pub/sub channel on which events are announced; 0 is the database |
///
/// All keys expire an [age](presence_core::broker::Retention::age) after the newest event.
///
/// # Loss of data
/// The announcement of an event has the number of the event before it. If an announcement is lost,
/// the next one shows the gap, and the missing event is read. If the server restarts without its
/// data, every history gets a new incarnation. If it lost only its newest events (a failover,
/// `appendfsync everysec`), a history gets a new incarnation as soon as a process that has seen one
/// of the lost events publishes to the channel or reads it. No acknowledged event is lost if the
/// server persists each write: `appendfsync always`.
///
/// # On a cluster
/// Each event is announced on a sharded pub/sub channel, and once more to all nodes, for
/// subscribers by prefix.
///
/// ```no_run
/// use presence_core::broker::{Broker, Channel, Publish};
/// use presence_redis::{BrokerOptions, Namespace, RedisBroker};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = RedisBroker::connect("redis://127.0.0.1", BrokerOptions::new(Namespace::new("chat")?))?;
/// broker.publish(Publish::new(Channel::new("room")?, "hello")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisBroker {
    shared: Arc<Shared>,
    hub: Hub,
}

struct Shared {
    link: Link,
    calls: Calls,
    asks: mpsc::UnboundedSender<Ask>,
    witness: Witness,
    /// The foreign channels, each with the pattern to subscribe to.
    foreign: Vec<(String, Foreign)>,
}

impl RedisBroker {
    /// Makes a broker on one server: `redis://user:password@host:port/database`, or `rediss://`
    /// with the feature `tls`.
    ///
    /// ```no_run
    /// use presence_redis::{BrokerOptions, Namespace, RedisBroker};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = RedisBroker::connect("redis://127.0.0.1", BrokerOptions::new(Namespace::new("chat")?))?;
    /// # drop(broker);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when the URL cannot be parsed or an option is out of bounds.
    pub fn connect(url: &str, options: BrokerOptions) -> Result<Self> {
        Self::open(Source::at(url)?, options)
    }

    /// Makes a broker on the server of a ready-made client. The broker opens its own connections.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_client(client: redis::Client, options: BrokerOptions) -> Result<Self> {
        Self::open(Source::Single(client), options)
    }

    /// Makes a broker on the master that sentinels name.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_redis::{BrokerOptions, Namespace, RedisBroker, Sentinels};
    /// let sentinels = Sentinels::new(["redis://10.0.0.1:26379"], "mymaster");
    /// let broker = RedisBroker::sentinel(sentinels, BrokerOptions::new(Namespace::new("chat")?))?;
    /// # drop(broker);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when a URL cannot be parsed or an option is out of bounds.
    pub fn sentinel(sentinels: Sentinels, options: BrokerOptions) -> Result<Self> {
        Self::open(Source::watched_by(sentinels)?, options)
    }

    /// Makes a broker on a cluster, from the URLs of some of its nodes. Needs Redis ≥ 7 or Valkey,
    /// for their sharded channels.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_redis::{BrokerOptions, Namespace, RedisBroker};
    /// let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"];
    /// let broker = RedisBroker::cluster(nodes, BrokerOptions::new(Namespace::new("chat")?))?;
    /// # drop(broker);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when a URL cannot be parsed or an option is out of bounds.
    pub fn cluster(
        urls: impl IntoIterator<Item = impl Into<String>>,
        options: BrokerOptions,
    ) -> Result<Self> {
        Self::open(Source::of_nodes(urls)?, options)
    }

    fn open(source: Source, options: BrokerOptions) -> Result<Self> {
        let BrokerOptions { namespace, retention, call_timeout, connect_timeout, foreign } = options;
        if call_timeout.is_zero() || connect_timeout.is_zero() {
            return Err(Error::new(Kind::Rejected, "a timeout is more than nothing"));
        }
        let names = Names::new(namespace, source.database());
        let calls = Calls::new(names, retention, source.is_cluster());
        // This call only checks that scripts may run; other problems show with the first real call.
        let hello = (&*calls::HELLO, calls::HELLO.begin(0));
        let link = Link::new(source, (connect_timeout, call_timeout), hello);
        let (asks, asked) = mpsc::unbounded_channel();
        let foreign = foreign.into_iter().map(|foreign| (foreign.pattern(), foreign)).collect();
        let shared = Arc::new(Shared { link, calls, asks, witness: Witness::default(), foreign });
        let hub = Hub::new(Arc::clone(&shared) as Arc<dyn Backend>);
        tokio::spawn(feed::run(Arc::downgrade(&shared), hub.downgrade(), asked));
        Ok(Self { shared, hub })
    }
}

impl Shared {
    /// Publishes a message and notes its event. `foreign` is the pub/sub channel on which other
    /// services get the message.
    async fn publish(&self, message: &Publish, once: &Once, foreign: Option<&str>) -> Result<Published> {
        let witness = self.witness.of(&message.channel);
        let call = self.calls.publish(message, once, witness, foreign);
        let published = calls::published(self.link.call(&calls::PUBLISH, &call).await?)?;
        self.witness.note(&message.channel, published.id());
        Ok(published)
    }

    /// Reads a page of history; for `is_head` see [`Calls::read`].
    async fn page(&self, channel: &Channel, from: ReadFrom, is_head: bool) -> Result<Page> {
        let answer = self.link.call(&READ, &self.calls.read(channel, from, is_head)).await?;
        calls::page(answer, channel)
    }
}

#[async_trait]
impl Broker for RedisBroker {
    async fn publish(&self, message: Publish) -> Result<Published> {
        message.check()?;
        let foreign = self.shared.foreign.iter().find_map(|(_, foreign)| foreign.pubsub(&message.channel));
        self.shared.publish(&message, &Once::Key, foreign.as_deref()).await
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        check_payload(&payload)?;
        let call = self.shared.calls.signal(channel, &payload);
        self.shared.link.call(&SIGNAL, &call).await.map(drop)
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        self.hub.subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        self.hub.subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        let (mut from, mut events) = (ReadFrom::Last(count), Vec::new());
        if count == 0 {
            return Ok(events);
        }
        loop {
            let page = self.shared.page(channel, from, false).await?;
            events.extend(page.events);
            from = ReadFrom::position(page.position);
            if !page.more {
                // Events that were published meanwhile are newer than the requested ones.
                events.drain(..events.len().saturating_sub(count));
                return Ok(events);
            }
        }
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        self.shared.link.call(&REMOVE, &self.shared.calls.remove(channel)).await.map(drop)
    }

    async fn ping(&self) -> Result<()> {
        self.shared.link.send(&redis::cmd("PING")).await.map(drop)
    }
}

#[async_trait]
impl Backend for Shared {
    async fn open(&self, interest: &Interest) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        let gone = || Error::new(Kind::Unavailable, "the connection to Redis is not there");
        self.asks.send(Ask::Open(interest.clone(), reply)).map_err(|_| gone())?;
        match tokio::time::timeout(self.link.call_timeout() * 2, outcome).await {
            Ok(outcome) => outcome.map_err(|_| gone())?,
            Err(_elapsed) => Err(gone()),
        }
    }

    fn close(&self, interest: &Interest) {
        // If the task has ended, no subscription is open.
        let _ = self.asks.send(Ask::Close(interest.clone()));
    }

    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page> {
        self.page(channel, from, false).await
    }

    async fn read_after_head(&self, channel: &Channel, head: EventId) -> Result<Page> {
        self.page(channel, ReadFrom::After(head), true).await
    }
}

impl fmt::Debug for RedisBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBroker").field("calls", &self.shared.calls).finish_non_exhaustive()
    }
}
