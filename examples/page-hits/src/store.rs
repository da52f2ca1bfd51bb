//! Where visits are kept: in Redis, or in this process.

use crate::{InvalidHost, Probe, Redis, policy};
use presence_core::{InvalidPolicy, Presence, PresenceStore, store};
use presence_memory::MemoryStore;
use presence_redis::{Namespace, Options, RedisStore};
use std::time::Duration;

/// Whose keys they are in Redis: `presence:{page-hits:…`.
const NAMESPACE: &str = "page-hits";
/// How many visitors this process holds, about 250 MB; one more is told `[HIT_ERR_FULL]`.
///
/// Anybody may make up visitors here, and their number must not be what ends the process.
const MAX_VISITORS: usize = 1_000_000;
/// How many bytes of memory they may take: so much in the roster, and as much in a store in memory.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Why the settings of the store were refused. Says nothing of addresses and passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedis {
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The URL is none that can be used.
    #[error("REDIS_URL must be like redis://host:6379, or redis://:password@host:6379/0 ({0})")]
    Url(store::Error),
    /// The time for which hits count is none.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// Opens the store, whether or not it is up, and what asks whether it is.
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
    tracing::info!("visits are counted on Redis, where REDIS_HOST or REDIS_URL says");
    let store = connect(url.reveal(), ttl).map_err(InvalidRedis::Url)?;
    let pinged = store.clone();
    let probe = Probe::new(move || {
        let store = pinged.clone();
        async move { store.ping().await }
    });
    Ok((start(store, ttl)?, probe))
}

/// No I/O yet: the server may be down.
fn connect(url: &str, ttl: Duration) -> store::Result<RedisStore> {
    let mut options = Options::new(Namespace::new(NAMESPACE)?);
    options.policy = Some(policy(ttl));
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
