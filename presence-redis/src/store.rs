//! The store: how it is opened, and the trait's methods.

use crate::answer::{list, pairs, text, tuple};
use crate::batch;
use crate::codec;
use crate::connection::{Source, tcp_settings};
use crate::error::{classify, unexpected};
use crate::feed;
use crate::keys::{self, Keys, shard_of};
use crate::link::Link;
use crate::options::Options;
use crate::script::{FORGET, Header, LOAD, NOW, PROVE, PUT, Script, TOUCH};
use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use presence_core::store::{Coalesce, Error, Facts, Feed, Kind, Misses, PresenceStore, Result, Seen, Touch};
use presence_core::{Node, NodeId, Session, Timestamp, UserId};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{Client, Cmd, ProtocolVersion, RedisConnectionInfo, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Into how many shards users are spread where nothing else is said.
///
/// On one server they spread no load, and each costs every batch some microseconds: 16 beats in 8 shards cost twice what
/// they cost in one, in 2 hardly more. But a key that expires holds up a server without `lazyfree-lazy-expire` for
/// some 20 ms per 100,000 sessions; two keys do so one after the other.
const SHARDS: u16 = 2;
const SHARDS_OF_CLUSTER: u16 = 16;
/// Shorter than it takes to announce a touch would lose it; longer is more than a key can live for, somewhere.
const KEEP_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 365);

/// Presence on Redis ≥ 6.2 or Valkey: one server, Sentinel, or a cluster (there Redis ≥ 7).
///
/// Opening one does no I/O: it starts with its server down, and recovers by itself. Clones share the connection and the
/// batches of concurrent callers (see [`Coalesce`]). Everything is needed on a Tokio runtime.
///
/// The server must not evict keys (`maxmemory-policy noeviction`, its default). Persistence is not needed: what an empty
/// server has lost, the processes tell it again.
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
/// The master is talked to without TLS; where it wants that, give a ready client: [`RedisStore::with_sentinel_client`].
#[derive(Clone)]
pub struct Sentinels {
    /// Addresses of the sentinels, as URLs: `redis://10.0.0.1:26379`, with their own user and password if they have any.
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
    /// A store on one server: `redis://user:password@host:port/database`, or `rediss://` with the feature `tls`.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when the URL cannot be read.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        Self::with_client(Client::open(url).map_err(classify)?, options)
    }

    /// A store on the server of a ready client. The connections are the store's own; they speak RESP3, without delay.
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
        let Sentinels { urls, service, username, password, database } = sentinels;
        let mut master =
            RedisConnectionInfo::default().set_db(database.into()).set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = username {
            master = master.set_username(username);
        }
        if let Some(password) = password {
            master = master.set_password(password);
        }
        let master = SentinelNodeConnectionInfo::default().set_redis_connection_info(master);
        let client = SentinelClient::build(urls, service, Some(master), SentinelServerType::Master);
        Self::with_sentinel_client(client.map_err(classify)?, options)
    }

    /// A store on the master that a ready client of sentinels finds.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when an option is out of bounds.
    pub fn with_sentinel_client(client: SentinelClient, options: Options) -> Result<Self> {
        Self::open(Source::Sentinel(client.into()), options)
    }

    /// A store on a cluster, of which some nodes are named. Needs Redis ≥ 7 or Valkey, for their sharded channels.
    ///
    /// Shards whose master is gone are out of reach until its replica has taken over; the others go on. While a node hangs
    /// that nobody takes over from, the client crate stops now and then to look for it, for all shards: those of the
    /// others are then served with pauses of a second or two.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when a URL cannot be read.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>, options: Options) -> Result<Self> {
        let urls: Vec<String> = urls.into_iter().map(Into::into).collect();
        let client = ClusterClientBuilder::new(urls)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp_settings())
            .retries(3)
            .max_retry_wait(250)
            .build();
        Self::with_cluster_client(client.map_err(classify)?, options)
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
        let hello = (&*PROVE, PROVE.of(&header, keys[..1].iter()));
        let link = Link::new(source, (connect_timeout, call_timeout), hello);
        let (warned, scans) = (AtomicBool::new(false), Semaphore::new(1));
        let inner = Inner { link, keys, header, warned, scans };
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

/// The store as it talks to the server, each caller by itself.
struct Direct(Arc<Inner>);

/// What calls and watches share.
pub struct Inner {
    pub link: Link,
    pub keys: Box<[Keys]>,
    pub header: Header,
    /// Whether another policy has been warned of.
    pub warned: AtomicBool,
    /// One permit: a process asks for slices of shards one at a time.
    pub scans: Semaphore,
}

impl Inner {
    /// Calls a script for these parts; answers with how many shards each answer speaks of.
    ///
    /// Every part is told to its end, whatever becomes of the others: a shard that refuses costs the rest nothing.
    async fn run(&self, script: &Script, parts: Vec<(u16, batch::Part)>) -> Result<Vec<(usize, Value)>> {
        let one_shard = self.link.source.is_cluster();
        let calls = batch::calls(script, &self.header, &self.keys, parts, one_shard);
        let answers = join_all(calls.into_iter().map(|(parts, call)| async move {
            let answer = self.link.call(script, &call).await;
            match answer {
                Err(error) if error.kind() == Kind::Corrupt && parts.len() > 1 => {
                    // The script stopped at a shard in which a key holds something else, and those behind it were not
                    // told: each is told by itself.
                    let calls =
                        parts.chunks(1).map(|part| batch::call(script, &self.header, &self.keys, part));
                    for call in calls.collect::<Vec<_>>() {
                        let _ = self.link.call(script, &call).await;
                    }
                    Err(error)
                }
                answer => Ok((parts.len(), answer?)),
            }
        }));
        answers.await.into_iter().collect()
    }

    /// A call that concerns one shard only.
    pub fn one(&self, script: &Script, shard: u16) -> Cmd {
        script.of(&self.header, std::iter::once(&self.keys[usize::from(shard)]))
    }
}

#[async_trait]
impl PresenceStore for Direct {
    fn shards(&self) -> u16 {
        self.0.header.shards()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        shard_of(user, self.shards())
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.0.run(&PUT, batch::puts(sessions, self.shards())).await.map(drop)
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        let mut misses = Misses::new();
        for (_, missed) in self.0.run(&TOUCH, batch::touches(touches, self.shards())).await? {
            for field in list(missed, "the sessions that were missed")? {
                let key = text(&field).and_then(keys::session_of);
                misses.push(key.ok_or_else(|| unexpected("the field of a session"))?);
            }
        }
        Ok(misses)
    }

    async fn forget(&self, seen: &[Seen]) -> Result<()> {
        self.0.run(&FORGET, batch::forgets(seen, self.shards())).await.map(drop)
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        let once: HashSet<&UserId> = users.iter().collect();
        let mut found: HashMap<UserId, Vec<Session>> = HashMap::new();
        let mut nodes: BTreeMap<NodeId, Node> = BTreeMap::new();
        for (shards, answer) in self.0.run(&LOAD, batch::loads(once.into_iter(), self.shards())).await? {
            for answer in list(answer, "the sessions of shards")?.into_iter().take(shards) {
                let [sessions, holding] = tuple(answer, "sessions and their nodes")?;
                for pair in pairs(&list(sessions, "sessions")?) {
                    let session = pair.and_then(|(field, record)| codec::session(field, record));
                    let session = session.ok_or_else(|| unexpected("a session of ours"))?;
                    found.entry(session.user.clone()).or_default().push(session);
                }
                for pair in pairs(&list(holding, "nodes")?) {
                    let node = pair.and_then(|(id, beat)| codec::node(NodeId::new(id).ok()?, beat));
                    let node = node.ok_or_else(|| unexpected("a node of ours"))?;
                    // Shards know it as of their own last beat.
                    let known = nodes.entry(node.id.clone()).or_insert_with(|| node.clone());
                    if node.rank() > known.rank() {
                        *known = node;
                    }
                }
            }
        }
        for sessions in found.values_mut() {
            sessions.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        let sessions = users.iter().filter_map(|user| found.get(user)).flatten().cloned().collect();
        Ok(Facts { sessions, nodes: nodes.into_values().collect() })
    }

    fn watch(&self) -> BoxStream<'static, Feed> {
        feed::watch(Arc::clone(&self.0))
    }

    async fn now(&self) -> Result<Timestamp> {
        let [seconds, micros] = tuple(self.0.link.call(&NOW, &self.0.one(&NOW, 0)).await?, "its time")?;
        let number = |value: &Value| text(value).and_then(|text| text.parse::<u64>().ok());
        let (Some(seconds), Some(micros)) = (number(&seconds), number(&micros)) else {
            return Err(unexpected("its time"));
        };
        Ok(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000)))
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

    async fn forget(&self, seen: &[Seen]) -> Result<()> {
        self.0.forget(seen).await
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.0.load(users).await
    }

    fn watch(&self) -> BoxStream<'static, Feed> {
        self.0.watch()
    }

    async fn now(&self) -> Result<Timestamp> {
        self.0.now().await
    }
}
