//! Where jobs and their viewers are kept: in this process, in Redis or in NATS.

use crate::{InvalidHost, Settings};
use presence_core::broker::Retention;
use presence_core::{Broker, InvalidPolicy, Policy, Presence, PresenceStore, SystemClock, store};
use presence_memory::{HISTORY_BYTES, MemoryBroker, MemoryStore};
use std::sync::Arc;
use std::time::Duration;

/// Whose keys, subjects and streams they are.
const NAMESPACE: &str = "job-events";

/// What an instance stands on.
pub struct Stores {
    /// Who watches which job.
    pub presence: Presence,
    /// The updates of jobs.
    pub broker: Arc<dyn Broker>,
    /// What `GET /health` calls it.
    pub backend: &'static str,
}

/// Why the settings of the stores were refused. Says nothing of addresses and passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStores {
    /// Two servers are set.
    #[error("REDIS_HOST or REDIS_URL and NATS_URL are set: jobs are kept in one of them")]
    Two,
    /// Only memory is there yet.
    #[error("jobs are kept in memory only, for now")]
    NotYet,
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The URL is none that can be used.
    #[error("REDIS_URL must be like redis://host:6379, NATS_URL like nats://host:4222 ({0})")]
    Url(#[from] store::Error),
    /// Never with the constants of this service.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// The windows of viewers: held by their streams, gone with them.
pub fn policy() -> Policy {
    Policy { grace: Duration::ZERO, ..Policy::default() }
}

/// How much is kept of a job's updates.
pub fn retention(settings: &Settings) -> Retention {
    Retention::default().age(settings.retention())
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
        match (settings.servers.redis()?, settings.servers.nats()) {
            (Some(_), Some(_)) => Err(InvalidStores::Two),
            (Some(_), None) | (None, Some(_)) => Err(InvalidStores::NotYet),
            (None, None) => {
                tracing::warn!("no Redis and no NATS is set: jobs are known to this process only");
                let broker = MemoryBroker::with(retention(settings), HISTORY_BYTES, SystemClock);
                Ok(Self { presence: start(MemoryStore::new())?, broker: Arc::new(broker), backend: "memory" })
            }
        }
    }
}

fn start(store: impl PresenceStore) -> Result<Presence, InvalidPolicy> {
    Presence::builder(store).policy(policy()).label(NAMESPACE).start()
}
