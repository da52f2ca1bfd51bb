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

/// How long whoever wants to know waits, for their turn and for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a question waits for its answer. Less than that, so that silence is noted for all who
/// wait.
const ANSWERED_IN: Duration = Duration::from_millis(900);
/// For how long a good answer does for whoever asks later.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// Asks the store whether it is there: one question at a time, whose answer is for all who wait for
/// it, and ten a second at most while the store is well.
#[derive(Clone)]
pub struct Probe(Option<Arc<Inner>>);

type Ping = Box<dyn Fn() -> Pin<Box<dyn Future<Output = store::Result<()>> + Send>> + Send + Sync>;

struct Inner {
    ping: Ping,
    /// The last answer. Who asks holds the lock; the others wait and take what has been answered
    /// meanwhile.
    last: Mutex<Option<(Instant, Result<(), Kind>)>>,
}

impl Probe {
    /// For a store within this process, which is always there.
    pub const NONE: Self = Self(None);

    /// Asks by `ping`, each call of which is one question.
    pub fn new<F>(ping: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = store::Result<()>> + Send + 'static,
    {
        Self(Some(Arc::new(Inner { ping: Box::new(move || Box::pin(ping())), last: Mutex::default() })))
    }

    /// Whether other processes may be on the store.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the store answers, within a second. Cancel-safe.
    ///
    /// # Errors
    /// What is wrong, by its kind.
    pub async fn answers(&self) -> Result<(), Kind> {
        match &self.0 {
            Some(inner) => timeout(PATIENCE, inner.ask()).await.unwrap_or(Err(Kind::Timeout)),
            None => Ok(()),
        }
    }

    /// Forgets the last answer: a write has failed since.
    pub(crate) fn doubt(&self) {
        // Where the lock is held, somebody is asking anew already.
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

/// 200 when the store answers, else 503 with a word that says what is wrong and names no address.
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
