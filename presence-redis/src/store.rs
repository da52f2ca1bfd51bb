//! [`RedisStore`], and the ways to open one.

use crate::keys::Keys;
use crate::options::Options;
use crate::verbs::{Direct, Inner};
use crate::wire::connection::Source;
use crate::wire::link::Link;
use crate::wire::script::{HELLO, Header};
use presence_core::store::{Coalesce, Error, Kind, PresenceStore, Result};
use presence_core::time::Reckoning;
use redis::Client;
use redis::cluster::ClusterClient;
use redis::sentinel::SentinelClient;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The default number of shards on one server.
///
/// On one server, shards spread no load, and each costs every batch some microseconds: 16
/// heartbeats in 8 shards cost twice what they cost in one shard; in 2 shards they cost hardly
/// more. But the expiry of a key blocks a server without `lazyfree-lazy-expire` for some 20 ms per
/// 100,000 sessions; with two keys, these pauses come one after the other.
const SHARDS: u16 = 2;
const SHARDS_OF_CLUSTER: u16 = 16;
/// The bounds of `keep_for`. At least the interval at which touches are announced, or they would
/// expire before; at most one year, since servers bound the expiry of a key.
const KEEP_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 365);

/// Presence on Redis ≥ 6.2 or Valkey: one server, Sentinel, or a cluster (there Redis ≥ 7).
///
/// Opening a store does no I/O: it can be opened while its server is down, and recovers by itself.
/// Clones share the connection and the batches of concurrent callers (see [`Coalesce`]). It must be
/// used on a Tokio runtime.
///
/// The server must not evict keys (`maxmemory-policy noeviction`, its default). Persistence is not
/// needed: after a loss of data each process writes its own sessions again.
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

/// The addresses of sentinels, and the master that they watch.
///
/// The connection to the master has no TLS. For a master that requires TLS, use a ready-made
/// client: [`RedisStore::with_sentinel_client`].
///
/// ```
/// use presence_redis::Sentinels;
///
/// let sentinels = Sentinels::new(["redis://10.0.0.1:26379"], "mymaster").password("secret").database(1);
/// # let _ = sentinels;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Sentinels {
    /// The addresses of the sentinels as URLs: `redis://10.0.0.1:26379`, with user and password of
    /// the sentinel if it has any.
    pub urls: Vec<String>,
    /// The name under which the sentinels watch the master.
    pub service: String,
    /// The user name on the master, if it has users (ACL). Default none.
    pub username: Option<String>,
    /// The password of the master. Default none. Not shown by `Debug`.
    pub password: Option<String>,
    /// The database of the master. Default 0.
    pub database: u32,
}

impl Sentinels {
    /// The settings for these sentinels and a master without a password.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>, service: impl Into<String>) -> Self {
        let urls = urls.into_iter().map(Into::into).collect();
        Self { urls, service: service.into(), username: None, password: None, database: 0 }
    }

    /// Sets [`username`](field@Self::username).
    #[must_use]
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Sets [`password`](field@Self::password).
    #[must_use]
    pub fn password(self, password: impl Into<String>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// Sets [`database`](field@Self::database).
    #[must_use]
    pub fn database(self, database: u32) -> Self {
        Self { database, ..self }
    }
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs are left out, since they may hold passwords.
        f.debug_struct("Sentinels").field("service", &self.service).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Makes a store on one server: `redis://user:password@host:port/database`, or `rediss://` with
    /// the feature `tls`.
    ///
    /// ```no_run
    /// use presence_redis::{Namespace, Options, RedisStore};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = RedisStore::connect("redis://127.0.0.1", Options::new(Namespace::new("chat")?))?;
    /// # drop(store);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when the URL cannot be parsed.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        Self::open(Source::at(url)?, options)
    }

    /// Makes a store on the server of a ready-made client. The store opens its own connections;
    /// they use RESP3 and `TCP_NODELAY`.
    ///
    /// ```no_run
    /// use presence_redis::{Namespace, Options, RedisStore, redis};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://127.0.0.1")?;
    /// let store = RedisStore::with_client(client, Options::new(Namespace::new("chat")?))?;
    /// # drop(store);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_client(client: Client, options: Options) -> Result<Self> {
        Self::open(Source::Single(client), options)
    }

    /// Makes a store on the master that sentinels name. The sentinels are asked before
    /// each new connection.
    ///
    /// ```no_run
    /// use presence_redis::{Namespace, Options, RedisStore, Sentinels};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sentinels = Sentinels::new(["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"], "mymaster");
    /// let store = RedisStore::sentinel(sentinels, Options::new(Namespace::new("chat")?))?;
    /// # drop(store);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when a URL cannot be parsed.
    pub fn sentinel(sentinels: Sentinels, options: Options) -> Result<Self> {
        Self::open(Source::watched_by(sentinels)?, options)
    }

    /// Makes a store on the master that a ready-made client of sentinels finds.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_sentinel_client(client: SentinelClient, options: Options) -> Result<Self> {
        Self::open(Source::Sentinel(client.into()), options)
    }

    /// Makes a store on a cluster, from the URLs of some of its nodes. Needs Redis ≥ 7 or Valkey,
    /// for their sharded channels.
    ///
    /// Shards whose master has failed are unavailable until its replica has taken over; the others
    /// are still served. While a node hangs and no replica takes over from it, the client crate
    /// searches for it from time to time. During a search, calls to the other shards wait for a
    /// second or two.
    ///
    /// ```no_run
    /// use presence_redis::{Namespace, Options, RedisStore};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"];
    /// let store = RedisStore::cluster(nodes, Options::new(Namespace::new("chat")?))?;
    /// # drop(store);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`] when a URL cannot be parsed.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>, options: Options) -> Result<Self> {
        Self::open(Source::of_nodes(urls)?, options)
    }

    /// Makes a store on the cluster of a ready-made client, which must use RESP3.
    ///
    /// # Errors
    ///
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

    /// Checks whether the server answers: sends `PING`, on a cluster to every master.
    ///
    /// # Errors
    ///
    /// Those of any call: [`Kind::Unavailable`] or [`Kind::Timeout`] while it does not answer.
    pub async fn ping(&self) -> Result<()> {
        self.0.inner().0.link.send(&redis::cmd("PING")).await.map(drop)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("shards", &self.shards()).finish_non_exhaustive()
    }
}

impl PresenceStore for RedisStore {
    presence_core::delegate_store!(|store| store.0);
}
