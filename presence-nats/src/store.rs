//! [`NatsStore`]: how it is opened, and its implementation of the trait `PresenceStore`.

use crate::error::rejected;
use crate::feed;
use crate::jetstream::client;
use crate::jetstream::link::{ConnectionState, Link};
use crate::jetstream::streams::Streams;
use crate::options::Options;
use crate::renewals::Beats;
use crate::state::epochs::Epochs;
use crate::state::own_writes::OwnWrites;
use crate::state::revision_cache::RevisionCache;
use crate::verbs::Nodes;
use async_nats::{Client, ConnectOptions};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use presence_core::store::{
    Coalesce, Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Session, Touch, UserRecord,
};
use presence_core::time::Reckoning;
use presence_core::{Timestamp, UserId};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// Presence on NATS JetStream. The [crate] documentation describes how it works.
///
/// Clones share the connection and the caches. `put`, `touch` and `load` of concurrent callers share
/// batches ([`Coalesce`]).
///
/// # Cancellation
///
/// A dropped call may or may not have had its effect, as after a timeout; repeating it is safe.
#[derive(Clone)]
pub struct NatsStore {
    store: Coalesce<Handle>,
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.store.inner().0.streams.options.namespace;
        f.debug_struct("NatsStore").field("namespace", namespace).finish_non_exhaustive()
    }
}

/// The state that all methods and the tasks of watches share.
pub(crate) struct Shared {
    pub(crate) streams: Arc<Streams>,
    pub(crate) beats: Beats,
    pub(crate) revisions: RevisionCache,
    pub(crate) own_writes: OwnWrites,
    pub(crate) epochs: Epochs,
    pub(crate) nodes: Nodes,
    /// The store's time as this handle reckons it with its own clock. It continues the time of a
    /// store that has lost its data.
    pub(crate) reckoning: Reckoning,
    /// Whether this handle has had a watch.
    has_watched: AtomicBool,
    /// Whether a differing policy was logged.
    has_warned: AtomicBool,
    /// The time of the next scan for old records.
    pub(crate) scans_at: Mutex<Option<Instant>>,
}

impl Shared {
    /// Returns whether a differing policy was logged before, and records that it is logged now.
    pub(crate) fn has_warned_of_policies(&self) -> bool {
        self.has_warned.swap(true, Ordering::Relaxed)
    }

    /// Returns whether there was a watch before, and records that there is one now.
    pub(crate) fn watched_before(&self) -> bool {
        self.has_watched.swap(true, Ordering::Relaxed)
    }
}

struct Handle(Arc<Shared>);

impl NatsStore {
    /// Makes a store on the server or cluster at these URLs (`nats://host:4222`, with `,` between
    /// several). Returns at once, even while the server is down; the client connects in the
    /// background and retries until it succeeds.
    ///
    /// `connect` holds the TLS settings and the credentials (`ConnectOptions::with_credentials`,
    /// `with_token`, …). The URLs may hold the credentials instead (`nats://user:password@host`,
    /// `nats://token@host`); they must be the same in all URLs that have any. For `tls://`, the
    /// binary must have installed a rustls crypto provider. This method sets what a store needs:
    /// the client reconnects without limit, within 250 ms, pings every 2 s, and logs the server's
    /// events with `tracing`. For other settings, create the client yourself and use
    /// [`with_client`](Self::with_client).
    ///
    /// ```no_run
    /// use presence_nats::{Namespace, NatsStore, Options, async_nats::ConnectOptions};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = Options::new(Namespace::new("chat")?);
    /// let store = NatsStore::connect("nats://127.0.0.1:4222", ConnectOptions::new(), options)?;
    /// # drop(store);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`](presence_core::store::Kind::Rejected) when a URL or an option cannot be
    /// used, or outside of a tokio runtime.
    pub fn connect(urls: &str, connect: ConnectOptions, options: Options) -> Result<Self> {
        options.check()?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(rejected("a connection to NATS needs a tokio runtime"));
        }
        let connection = ConnectionState::default();
        let client = client::of(urls, connect, &connection)?;
        Ok(Self::of(client, options, connection))
    }

    /// Makes a store on an existing client.
    ///
    /// The client should reconnect soon and without limit (`max_reconnects(None)`,
    /// `reconnect_delay_callback`), since the store is unavailable while its client is
    /// disconnected. A request that the server denies ends in a timeout here: the denial reaches
    /// only the client's event callback, which belongs to the host.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`](presence_core::store::Kind::Rejected) when an option cannot be used.
    pub fn with_client(client: Client, options: Options) -> Result<Self> {
        options.check()?;
        Ok(Self::of(client, options, ConnectionState::default()))
    }

    fn of(client: Client, options: Options, connection: ConnectionState) -> Self {
        let link = Link::new(client, options.domain.as_deref(), options.call_timeout, connection);
        let streams = Arc::new(Streams::new(link, options));
        let shared = Shared {
            beats: Beats::new(&streams),
            streams,
            revisions: RevisionCache::default(),
            own_writes: OwnWrites::default(),
            epochs: Epochs::default(),
            nodes: Nodes::default(),
            reckoning: Reckoning::new(1),
            has_watched: AtomicBool::new(false),
            has_warned: AtomicBool::new(false),
            scans_at: Mutex::default(),
        };
        Self { store: Coalesce::new(Handle(Arc::new(shared))).share_loads() }
    }

    /// Checks whether the stream of the bucket answers, for a readiness probe. Creates the streams
    /// if they are missing.
    ///
    /// # Errors
    ///
    /// Those of any call: [`Unavailable`](presence_core::store::Kind::Unavailable) and
    /// [`Timeout`](presence_core::store::Kind::Timeout) while no server leads the stream,
    /// [`Rejected`](presence_core::store::Kind::Rejected) when it cannot be used.
    pub async fn ping(&self) -> Result<()> {
        self.store.now().await.map(drop)
    }
}

impl PresenceStore for NatsStore {
    presence_core::delegate_store!(|store| store.store);
}

#[async_trait]
impl PresenceStore for Handle {
    /// One shard: the bucket is one stream with one leader, whose clock applies to all sessions.
    fn shards(&self) -> u16 {
        1
    }

    fn shard_of(&self, _user: &UserId) -> u16 {
        0
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        if sessions.is_empty() { Ok(()) } else { self.0.put(sessions).await }
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        if touches.is_empty() { Ok(Misses::new()) } else { self.0.touch(touches).await }
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        if users.is_empty() { Ok(()) } else { self.0.remember(users).await }
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        if seen.is_empty() { Ok(()) } else { self.0.forget(seen).await }
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        if users.is_empty() { Ok(Facts::default()) } else { self.0.load(users).await }
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        feed::of(Arc::clone(&self.0))
    }

    async fn now(&self) -> Result<Timestamp> {
        self.0.streams.with(|_| self.0.now()).await
    }
}
