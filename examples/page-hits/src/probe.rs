//! `GET /readyz`: whether the store answers.

use axum::extract::State;
use axum::response::IntoResponse;
use presence_axum::{Error, health};
use presence_core::store::{self, Kind};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long a caller waits, for its turn and for an answer together.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a ping waits for its answer. Shorter than the above, so that all waiting callers learn
/// of a silent store.
const ANSWERED_IN: Duration = Duration::from_millis(900);
/// How long a good answer is reused.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// Checks whether the store answers. One ping at a time serves all waiting callers, and a store
/// that works gets at most ten pings a second.
#[derive(Clone)]
pub struct Probe(Option<Arc<Inner>>);

type Ping = Box<dyn Fn() -> Pin<Box<dyn Future<Output = store::Result<()>> + Send>> + Send + Sync>;

struct Inner {
    ping: Ping,
    /// The last answer. The caller that sends the ping holds the lock; the others wait for it and
    /// use the answer.
    last: Mutex<Option<(Instant, Result<(), Kind>)>>,
}

impl Probe {
    /// For a store within this process, which always answers.
    pub const NONE: Self = Self(None);

    /// Checks by calling `ping`.
    pub fn new<F>(ping: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = store::Result<()>> + Send + 'static,
    {
        Self(Some(Arc::new(Inner { ping: Box::new(move || Box::pin(ping())), last: Mutex::default() })))
    }

    /// Whether other processes may use the same store.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the store answers, within a second. Cancel-safe.
    ///
    /// # Errors
    /// The kind of the store's error.
    pub async fn answers(&self) -> Result<(), Kind> {
        match &self.0 {
            Some(inner) => timeout(PATIENCE, inner.ask()).await.unwrap_or(Err(Kind::Timeout)),
            None => Ok(()),
        }
    }

    /// Discards the last answer, because a write has failed since.
    pub(crate) fn discard(&self) {
        // If the lock is held, another caller is sending a ping already.
        if let Some(inner) = &self.0
            && let Ok(mut last) = inner.last.try_lock()
        {
            *last = None;
        }
    }
}

impl Inner {
    async fn ask(&self) -> Result<(), Kind> {
        let came_at = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((at, said)) = *last
            && (at >= came_at || said.is_ok() && at.elapsed() < GOOD_FOR)
        {
            return said;
        }
        let said = match timeout(ANSWERED_IN, (self.ping)()).await {
            Ok(answered) => answered.map_err(|error| error.kind()),
            Err(_) => Err(Kind::Timeout),
        };
        *last = Some((Instant::now(), said));
        said
    }
}

/// 200 when the store answers, else 503 with the kind of the problem, without addresses.
pub(crate) async fn ready(State(probe): State<Probe>) -> Result<impl IntoResponse, Error> {
    probe.answers().await.map_err(|kind| {
        Error::unavailable(match kind {
            Kind::Timeout => "redis_timeout",
            Kind::Rejected => "redis_rejected",
            Kind::Corrupt => "redis_corrupt",
            _ => "redis_unavailable",
        })
    })?;
    Ok(health::alive().await)
}
