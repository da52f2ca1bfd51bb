//! The stores of jobs and viewers: memory, Redis or NATS.

use crate::{InvalidHost, JobId, Jobs, Settings, Update, count, jobs};
use async_nats::ConnectOptions;
use bytes::Bytes;
use presence_axum::LenientJson;
use presence_core::broker::{Publish, Retention};
use presence_core::{Broker, InvalidPolicy, Policy, Presence, PresenceStore, SystemClock, store};
use presence_memory::{HISTORY_BYTES, MemoryBroker, MemoryStore};
use presence_nats::{NatsBroker, NatsStore};
use presence_redis::{Foreign, RedisBroker, RedisStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// The maximum number of jobs that wait for a renewal of their owner record after a foreign update;
/// beyond it the next update does it.
const RENEWALS: usize = 1024;

/// Limits for the number of sessions and for their memory in bytes. The memory limit applies once
/// to the roster and once to the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// The namespace of keys, subjects and streams.
const NAMESPACE: &str = "job-events";

/// The stores of an instance.
pub struct Stores {
    /// The viewers of jobs.
    pub presence: Presence,
    /// The updates of jobs.
    pub broker: Arc<dyn Broker>,
    /// The name of the backend in `GET /health`.
    pub backend: &'static str,
    /// Renews the owner records of jobs whose updates come from other services; ends
    /// with this value.
    pub keeper: Option<AbortOnDropHandle<()>>,
}

/// Why the settings of the stores were refused. Contains no addresses or passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStores {
    /// Redis and NATS are both set.
    #[error("REDIS_HOST or REDIS_URL and NATS_URL are set: jobs are kept in one of them")]
    Two,
    /// The host is not valid.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The URL is not valid.
    #[error("REDIS_URL must be like redis://host:6379, NATS_URL like nats://host:4222 ({0})")]
    Url(#[from] store::Error),
    /// The policy is not valid, which the constants of this service rule out.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
}

/// The windows of viewers, whose sessions are held by their streams and end with them.
pub fn policy() -> Policy {
    Policy::default().grace(Duration::ZERO)
}

/// How much of a job's updates is kept.
pub fn retention(settings: &Settings) -> Retention {
    Retention::default().age(settings.retention())
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
        match (settings.servers.redis()?, settings.servers.nats()) {
            (Some(_), Some(_)) => Err(InvalidStores::Two),
            (Some(url), None) => {
                tracing::info!("jobs are kept on the Redis of REDIS_HOST or REDIS_URL");
                redis(url.reveal(), settings)
            }
            (None, Some(urls)) => {
                tracing::info!("jobs are kept on the NATS of NATS_URL");
                nats(urls.reveal(), settings)
            }
            (None, None) => {
                tracing::warn!("no Redis and no NATS is set: jobs are known to this process only");
                let broker = MemoryBroker::with(retention(settings), HISTORY_BYTES, SystemClock);
                let store = MemoryStore::new().max_bytes(MAX_BYTES);
                let (presence, broker) = (start(store)?, Arc::new(broker));
                Ok(Self { presence, broker, backend: "memory", keeper: None })
            }
        }
    }
}

fn redis(url: &str, settings: &Settings) -> Result<Stores, InvalidStores> {
    let options = presence_redis::Options::new(presence_redis::Namespace::new(NAMESPACE)?).policy(policy());
    let store = RedisStore::connect(url, options)?;
    let options = presence_redis::BrokerOptions::new(presence_redis::Namespace::new(NAMESPACE)?);
    let (changed, changes) = mpsc::channel(RENEWALS);
    let options = options.retention(retention(settings)).foreign(foreign(changed)?);
    let broker: Arc<dyn Broker> = Arc::new(RedisBroker::connect(url, options)?);
    let jobs = Jobs::new(Arc::clone(&broker), Arc::new(SystemClock), settings.retention());
    let keeper = AbortOnDropHandle::new(tokio::spawn(jobs.keep_owners(changes)));
    Ok(Stores { presence: start(store)?, broker, backend: "redis", keeper: Some(keeper) })
}

/// The Redis channel `job:{jobId}:updates` is also used by other services, to publish updates and
/// to receive them.
fn foreign(changed: mpsc::Sender<JobId>) -> store::Result<Foreign> {
    let (before, after) = JobId::UPDATES;
    let foreign = Foreign::new(&format!("{before}{{}}{after}"), move |id, payload| {
        let read = read_foreign(id, payload);
        count("redis", if read.is_some() { "received" } else { "invalid" });
        let (job, message) = read?;
        // Never waits, because this runs in the task that reads the connection.
        let _ = changed.try_send(job);
        Some(message)
    })?;
    Ok(foreign.published_as(|channel| {
        let (before, after) = JobId::UPDATES;
        channel.as_str().strip_prefix(before)?.strip_suffix(after).map(str::to_owned)
    }))
}

/// All instances that receive a message must derive the same update from it, so nothing
/// is added here.
fn read_foreign(id: &str, payload: &[u8]) -> Option<(JobId, Publish)> {
    let job = JobId::new(id).ok()?;
    if payload.len() > Update::MAX_BYTES {
        return None;
    }
    let update = Update::read(&LenientJson::from(Bytes::copy_from_slice(payload))).ok()?;
    if update.job().is_some_and(|named| *named != job) {
        return None;
    }
    let message = jobs::message(&job, &update, None).ok()?;
    Some((job, message))
}

fn nats(urls: &str, settings: &Settings) -> Result<Stores, InvalidStores> {
    let connect = || ConnectOptions::new().name(NAMESPACE);
    let options = presence_nats::Options::new(presence_nats::Namespace::new(NAMESPACE)?);
    let store = NatsStore::connect(urls, connect(), options)?;
    let options = presence_nats::BrokerOptions::new(presence_nats::Namespace::new(NAMESPACE)?)
        .retention(retention(settings));
    let broker = NatsBroker::connect(urls, connect(), options)?;
    Ok(Stores { presence: start(store)?, broker: Arc::new(broker), backend: "nats", keeper: None })
}

fn start(store: impl PresenceStore) -> Result<Presence, InvalidPolicy> {
    let builder = Presence::builder(store).policy(policy()).label(NAMESPACE);
    builder.max_sessions(MAX_SESSIONS).max_bytes(MAX_BYTES).start()
}
