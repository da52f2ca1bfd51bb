//! The stores of an instance: memory, Redis or NATS.

use crate::redis::{Redis, listen, mirror::Mirror};
use crate::{Exchange, Settings};
use async_nats::ConnectOptions;
use presence_core::broker::Retention;
use presence_core::{InvalidPolicy, Policy, Presence, PresenceStore, SystemClock, store};
use presence_memory::{MemoryBroker, MemoryStore};
use presence_nats::{NatsBroker, NatsStore};
use presence_redis::{RedisBroker, RedisStore};
use std::sync::Arc;
use std::time::Duration;

/// Limits for the number of sessions and for their memory in bytes. The memory limit applies once
/// to the roster and once to the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// The namespace of keys, subjects and streams.
pub(crate) const NAMESPACE: &str = "chat-gateway";
/// The maximum size of all stored messages, in bytes; they are stored for slow clients.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// The stores of an instance.
pub struct Stores {
    /// The presence of users.
    pub presence: Presence,
    /// The transport of typing and messages.
    pub exchange: Exchange,
}

/// Why the settings of the stores were refused. Contains no addresses or passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStores {
    /// Redis and NATS are both set.
    #[error("REDIS_URL and NATS_URL are both set: instances meet in one of them")]
    Two,
    /// The URL of Redis is not valid.
    #[error("REDIS_URL must be like redis://host:6379 ({0})")]
    Redis(store::Error),
    /// The URL of NATS is not valid.
    #[error("NATS_URL must be like nats://host:4222 ({0})")]
    Nats(store::Error),
    /// The policy is not valid, which the constants of this service rule out.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// The windows of connections. A connected user is online unless they declare another status; a
/// reload within two seconds is not seen.
pub fn policy() -> Policy {
    Policy::default().active_for(Policy::MAX_LEASE).grace(Duration::from_secs(2))
}

/// How much of a room's messages is stored: enough for slow clients, since nobody reads older ones.
pub fn retention() -> Retention {
    Retention::default().count(100).age(Duration::from_mins(1))
}

impl Stores {
    /// Opens the stores of the settings. The servers may be down.
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
    let options = presence_redis::Options::new(namespace()?).policy(policy());
    let store = RedisStore::connect(url, options).map_err(InvalidStores::Redis)?;
    let options = presence_redis::BrokerOptions::new(namespace()?).retention(retention());
    let broker = RedisBroker::connect(url, options).map_err(InvalidStores::Redis)?;
    let redis = Redis::new(url, settings).map_err(InvalidStores::Redis)?;
    let presence = start(store)?;
    let messages = MemoryBroker::with(retention(), HELD_BYTES, SystemClock);
    listen::start(&presence, &redis, &messages);
    Mirror::start(&presence, &redis);
    Ok(Stores { presence, exchange: Exchange::on_redis(Arc::new(broker), redis, messages) })
}

fn nats(urls: &str) -> Result<Stores, InvalidStores> {
    let namespace = || presence_nats::Namespace::new(NAMESPACE).map_err(InvalidStores::Nats);
    let connect = || ConnectOptions::new().name(NAMESPACE);
    let options = presence_nats::Options::new(namespace()?);
    let store = NatsStore::connect(urls, connect(), options).map_err(InvalidStores::Nats)?;
    let options = presence_nats::BrokerOptions::new(namespace()?).retention(retention());
    let broker = NatsBroker::connect(urls, connect(), options).map_err(InvalidStores::Nats)?;
    Ok(Stores { presence: start(store)?, exchange: Exchange::over(Arc::new(broker)) })
}

fn start(store: impl PresenceStore) -> Result<Presence, InvalidPolicy> {
    let builder = Presence::builder(store).policy(policy()).label(NAMESPACE);
    builder.max_sessions(MAX_SESSIONS).max_bytes(MAX_BYTES).start()
}
