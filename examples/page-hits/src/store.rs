//! Where visits are kept.

use crate::{InvalidHost, Probe, Redis, policy};
use presence_core::{InvalidPolicy, Presence};
use presence_memory::MemoryStore;
use std::time::Duration;

/// Why the settings of the store were refused. Says nothing of addresses and passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedis {
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHost),
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
    let Some(_url) = redis.url()? else {
        tracing::warn!("neither REDIS_HOST nor REDIS_URL is set: visits are counted in this process only");
        return Ok((Presence::builder(MemoryStore::new()).policy(policy(ttl)).start()?, Probe::NONE));
    };
    todo!()
}
