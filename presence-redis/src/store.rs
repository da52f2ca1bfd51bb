//! The store: how it is opened.

use crate::keys::Keys;
use crate::options::Options;
use crate::verbs::{Direct, Inner};
use crate::wire::connection::Source;
use crate::wire::link::Link;
use crate::wire::script::{HELLO, Header};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use presence_core::store::{
    Coalesce, Error, Facts, FeedEvent, ForgetIf, Kind, Misses, PresenceStore, Result, Touch,
};
use presence_core::time::Reckoning;
use presence_core::{Session, Timestamp, UserId, UserRecord};
use redis::Client;
use redis::cluster::ClusterClient;
use redis::sentinel::SentinelClient;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Into how many shards users are spread where nothing else is said.
///
/// On one server they spread no load, and each costs every batch some microseconds: 16 beats in 8
/// shards cost twice what they cost in one, in 2 hardly more. But a key that expires holds up a
/// server without `lazyfree-lazy-expire` for some 20 ms per 100,000 sessions; two keys do so one
/// after the other.
const SHARDS: u16 = 2;
const SHARDS_OF_CLUSTER: u16 = 16;
/// Shorter than it takes to announce a touch would lose it; longer is more than a key can live for,
/// somewhere.
const KEEP_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 365);

/// Presence on Redis ≥ 6.2 or Valkey: one server, Sentinel, or a cluster (there Redis ≥ 7).
///
/// Opening one does no I/O: it starts with its server down, and recovers by itself. Clones share
/// the connection and the batches of concurrent callers (see [`Coalesce`]). Everything is needed on
/// a Tokio runtime.
///
/// The server must not evict keys (`maxmemory-policy noeviction`, its default). Persistence is not
/// needed: what an empty server has lost, the processes tell it again.
///
/// ```no_run
/// use presence_core::Presence;
/// use presence_redis::{Namespace, Options, RedisStore};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://127.0.0.1", Options::new(Namespace::new("chat")?))?;
/// let presence = Presence::builder(store).start()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore(Coalesce<Direct>);

/// Where sentinels are, and whom they watch.
///
/// The master is talked to without TLS; where it wants that, give a ready client:
/// [`RedisStore::with_sentinel_client`].
#[derive(Clone)]
pub struct Sentinels {
    /// Addresses of the sentinels, as URLs: `redis://10.0.0.1:26379`, with their own user and
    /// password if they have any.
    pub urls: Vec<String>,
    /// The name under which they watch the master.
    pub service: String,
    /// The user of the master, where it knows users. Default none.
    pub username: Option<String>,
    /// The password of the master. Default none. Not shown by `Debug`.
    pub password: Option<String>,
    /// The database of the master. Default 0.
    pub database: u32,
}

impl Sentinels {
    /// These sentinels, and a master without a password.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>, service: impl Into<String>) -> Self {
        let urls = urls.into_iter().map(Into::into).collect();
        Self { urls, service: service.into(), username: None, password: None, database: 0 }
    }
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs may hold passwords as well.
        f.debug_struct("Sentinels").field("service", &self.service).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store on one server: `redis://user:password@host:port/database`, or `rediss://` with the
    /// feature `tls`.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when the URL cannot be read.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        Self::open(Source::at(url)?, options)
    }

    /// A store on the server of a ready client. The connections are the store's own; they speak
    /// RESP3, without delay.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_client(client: Client, options: Options) -> Result<Self> {
        Self::open(Source::Single(client), options)
    }

    /// A store on the master that sentinels name. They are asked at every new connection.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when a URL cannot be read.
    pub fn sentinel(sentinels: Sentinels, options: Options) -> Result<Self> {
        Self::open(Source::watched_by(sentinels)?, options)
    }

    /// A store on the master that a ready client of sentinels finds.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_sentinel_client(client: SentinelClient, options: Options) -> Result<Self> {
        Self::open(Source::Sentinel(client.into()), options)
    }

    /// A store on a cluster, of which some nodes are named. Needs Redis ≥ 7 or Valkey, for their
    /// sharded channels.
    ///
    /// Shards whose master is gone are out of reach until its replica has taken over; the others go
    /// on. While a node hangs that nobody takes over from, the client crate stops now and then to
    /// look for it, for all shards: those of the others are then served with pauses of a second or
    /// two.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when a URL cannot be read.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>, options: Options) -> Result<Self> {
        Self::open(Source::of_nodes(urls)?, options)
    }

    /// A store on the cluster of a ready client, which must use RESP3.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_cluster_client(client: ClusterClient, options: Options) -> Result<Self> {
        Self::open(Source::Cluster(client), options)
    }

    fn open(source: Source, options: Options) -> Result<Self> {
        let Options { namespace, shards, call_timeout, connect_timeout, keep_for, policy } = options;
        let is_cluster = source.is_cluster();
        let shards = shards.unwrap_or(if is_cluster { SHARDS_OF_CLUSTER } else { SHARDS });
        if !(1..=1024).contains(&shards) {
            return Err(Error::new(Kind::Rejected, "the number of shards is 1 to 1,024"));
        }
        if !KEEP_FOR.contains(&keep_for) {
            return Err(Error::new(Kind::Rejected, "keep_for is 1 second to 1 year"));
        }
        if call_timeout.is_zero() || connect_timeout.is_zero() {
            return Err(Error::new(Kind::Rejected, "a timeout is more than nothing"));
        }
        let keys = Keys::all(&namespace, shards);
        let publish = if is_cluster { "SPUBLISH" } else { "PUBLISH" };
        let header = Header::new(publish, shards, keep_for, policy.as_ref());
        let hello = (&*HELLO, HELLO.of(&header, keys[..1].iter()));
        let link = Link::new(source, (connect_timeout, call_timeout), hello);
        let (warned, scans) = (AtomicBool::new(false), Semaphore::new(1));
        let reckoning = Reckoning::new(shards);
        let inner = Inner { link, keys, header, warned, reckoning, scans };
        Ok(Self(Coalesce::new(Direct(Arc::new(inner)))))
    }

    /// Asks whether the server answers: `PING`, of a cluster every master.
    ///
    /// # Errors
    /// Those of any call: [`Kind::Unavailable`] or [`Kind::Timeout`] while it does not.
    pub async fn ping(&self) -> Result<()> {
        self.0.inner().0.link.send(&redis::cmd("PING")).await.map(drop)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("shards", &self.shards()).finish_non_exhaustive()
    }
}

#[async_trait]
impl PresenceStore for RedisStore {
    fn shards(&self) -> u16 {
        self.0.shards()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        self.0.shard_of(user)
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.0.put(sessions).await
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        self.0.touch(touches).await
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        self.0.remember(users).await
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        self.0.forget(seen).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.0.load(users).await
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        self.0.watch()
    }

    async fn now(&self) -> Result<Timestamp> {
        self.0.now().await
    }
}
