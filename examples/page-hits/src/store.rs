//! The store for visits: Redis or memory.

use crate::{InvalidHost, Probe, Redis, policy};
use presence_core::{InvalidPolicy, Presence, PresenceStore, store};
use presence_memory::MemoryStore;
use presence_redis::{Namespace, Options, RedisStore};
use std::time::Duration;

/// The namespace of the keys in Redis: `presence:{page-hits:…`.
const NAMESPACE: &str = "page-hits";
/// The maximum number of visitors in this process, about 250 MB; hits of further
/// visitors get `[HIT_ERR_FULL]`.
///
/// Clients can invent visitors, so their number must not exhaust the memory.
const MAX_VISITORS: usize = 1_000_000;
/// The maximum memory in bytes, once for the roster and once for a store in memory.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Why the settings of the store were refused. Contains no addresses or passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedis {
    /// The host is not valid.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The URL is not valid.
    #[error("REDIS_URL must be like redis://host:6379, or redis://:password@host:6379/0 ({0})")]
    Url(store::Error),
    /// The time for which hits count is not valid.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// Opens the store, and a probe for it. The store may be down.
///
/// # Errors
/// [`InvalidRedis`].
///
/// # Panics
/// Outside a tokio runtime.
pub fn open(redis: &Redis, ttl: Duration) -> Result<(Presence, Probe), InvalidRedis> {
    let Some(url) = redis.url()? else {
        tracing::warn!("neither REDIS_HOST nor REDIS_URL is set: visits are counted in this process only");
        return Ok((start(MemoryStore::new().max_bytes(MAX_BYTES), ttl)?, Probe::NONE));
    };
    tracing::info!("visits are counted on the Redis of REDIS_HOST or REDIS_URL");
    let store = connect(url.reveal(), ttl).map_err(InvalidRedis::Url)?;
    let pinged = store.clone();
    let probe = Probe::new(move || {
        let store = pinged.clone();
        async move { store.ping().await }
    });
    Ok((start(store, ttl)?, probe))
}

/// Does no I/O, so the server may be down.
fn connect(url: &str, ttl: Duration) -> store::Result<RedisStore> {
    let options = Options::new(Namespace::new(NAMESPACE)?).policy(policy(ttl));
    RedisStore::connect(url, options)
}

fn start(store: impl PresenceStore, ttl: Duration) -> Result<Presence, InvalidPolicy> {
    Presence::builder(store)
        .policy(policy(ttl))
        .label(NAMESPACE)
        .max_sessions(MAX_VISITORS)
        .max_bytes(MAX_BYTES)
        .start()
}
