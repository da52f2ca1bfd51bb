//! What an instance stands on: memory, Redis or NATS.

use crate::redis::{Redis, heard, mirror::Mirror};
use crate::{Exchange, Settings};
use async_nats::ConnectOptions;
use presence_core::broker::Retention;
use presence_core::{InvalidPolicy, Policy, Presence, PresenceStore, SystemClock, store};
use presence_memory::{MemoryBroker, MemoryStore};
use presence_nats::{NatsBroker, NatsStore};
use presence_redis::{RedisBroker, RedisStore};
use std::sync::Arc;
use std::time::Duration;

/// How many sessions may be here, and how many bytes of memory they may take: so much in the
/// roster, and as much in the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Whose keys, subjects and streams they are.
pub(crate) const NAMESPACE: &str = "chat-gateway";
/// How much is held of the messages of all rooms, for clients that read slowly, in bytes.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// What an instance stands on.
pub struct Stores {
    /// Who is here.
    pub presence: Presence,
    /// Typing and messages.
    pub exchange: Exchange,
}

/// Why the settings of the stores were refused. Says nothing of addresses and passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStores {
    /// Two servers are set.
    #[error("REDIS_URL and NATS_URL are both set: instances meet in one of them")]
    Two,
    /// The URL is none that can be used.
    #[error("REDIS_URL must be like redis://host:6379 ({0})")]
    Redis(store::Error),
    /// The URL is none that can be used.
    #[error("NATS_URL must be like nats://host:4222 ({0})")]
    Nats(store::Error),
    /// Never with the constants of this service.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// The windows of connections. A connected user is online until they say otherwise; a reload within
/// two seconds is not seen.
pub fn policy() -> Policy {
    Policy { active_for: Policy::MAX_LEASE, grace: Duration::from_secs(2), ..Policy::default() }
}

/// How much is held of a room's messages: enough for a client that reads slowly, for nobody asks
/// for older ones.
pub fn retention() -> Retention {
    Retention::default().count(100).age(Duration::from_mins(1))
}

impl Stores {
    /// Opens what the settings name, whether or not it is up.
    ///
    /// # Errors
    /// [`InvalidStores`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(settings: &Settings) -> Result<Self, InvalidStores> {
        match (settings.servers.redis(), settings.servers.nats()) {
            (Some(_), Some(_)) => Err(InvalidStores::Two),
            (Some(url), None) => redis(url, settings),
            (None, Some(urls)) => nats(urls),
            (None, None) => {
                tracing::warn!("neither REDIS_URL nor NATS_URL is set: this is the only instance");
                let broker = MemoryBroker::with(retention(), HELD_BYTES, SystemClock);
                Ok(Self {
                    presence: start(MemoryStore::new().max_bytes(MAX_BYTES))?,
                    exchange: Exchange::over(Arc::new(broker)),
                })
            }
        }
    }
}

fn redis(url: &str, settings: &Settings) -> Result<Stores, InvalidStores> {
    let namespace = || presence_redis::Namespace::new(NAMESPACE).map_err(InvalidStores::Redis);
    let mut options = presence_redis::Options::new(namespace()?);
    options.policy = Some(policy());
    let store = RedisStore::connect(url, options).map_err(InvalidStores::Redis)?;
    let options = presence_redis::BrokerOptions::new(namespace()?).retention(retention());
    let broker = RedisBroker::connect(url, options).map_err(InvalidStores::Redis)?;
    let redis = Redis::new(url, settings).map_err(InvalidStores::Redis)?;
    let presence = start(store)?;
    let messages = MemoryBroker::with(retention(), HELD_BYTES, SystemClock);
    heard::start(&presence, &redis, &messages);
    Mirror::start(&presence, &redis);
    Ok(Stores { presence, exchange: Exchange::on_redis(Arc::new(broker), redis, messages) })
}

fn nats(urls: &str) -> Result<Stores, InvalidStores> {
    let namespace = || presence_nats::Namespace::new(NAMESPACE).map_err(InvalidStores::Nats);
    let connect = || ConnectOptions::new().name(NAMESPACE);
    let options = presence_nats::Options::new(namespace()?);
    let store = NatsStore::connect(urls, connect(), options).map_err(InvalidStores::Nats)?;
    let mut options = presence_nats::BrokerOptions::new(namespace()?);
    options.retention = retention();
    let broker = NatsBroker::connect(urls, connect(), options).map_err(InvalidStores::Nats)?;
    Ok(Stores { presence: start(store)?, exchange: Exchange::over(Arc::new(broker)) })
}

fn start(store: impl PresenceStore) -> Result<Presence, InvalidPolicy> {
    let builder = Presence::builder(store).policy(policy()).label(NAMESPACE);
    builder.max_sessions(MAX_SESSIONS).max_bytes(MAX_BYTES).start()
}
