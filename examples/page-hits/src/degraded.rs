//! Hits that could not be stored: they are answered with a tag instead of a 5xx, and logged at a
//! limited rate.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use presence_axum::wire;
use presence_core::store::Kind;
use presence_core::{InvalidValue, Timestamp};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why a hit is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Degraded {
    /// The store cannot be reached. The hit counts in this process and is written to
    /// the store later.
    Unavailable,
    /// The store did not answer in time. The hit counts in this process and is written again.
    Timeout,
    /// The store refuses writes (a replica, out of memory, no permission). The hit does not count.
    Rejected,
    /// The store holds something that is not of this service.
    Corrupt,
    /// This process holds as many visitors as it may. The hit does not count.
    Full,
    /// This process is ending. The hit does not count.
    ShuttingDown,
    /// Any other reason.
    Internal,
}

impl Degraded {
    const ALL: [Self; 7] = [
        Self::Unavailable,
        Self::Timeout,
        Self::Rejected,
        Self::Corrupt,
        Self::Full,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// The tag in the response and in the log.
    fn tag(self) -> &'static str {
        match self {
            Self::Unavailable => "[HIT_ERR_UNAVAILABLE]",
            Self::Timeout => "[HIT_ERR_TIMEOUT]",
            Self::Rejected => "[HIT_ERR_REJECTED]",
            Self::Corrupt => "[HIT_ERR_CORRUPT]",
            Self::Full => "[HIT_ERR_FULL]",
            Self::ShuttingDown => "[HIT_ERR_SHUTTING_DOWN]",
            Self::Internal => "[HIT_ERR_INTERNAL]",
        }
    }
}

impl From<Kind> for Degraded {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unavailable => Self::Unavailable,
            Kind::Timeout => Self::Timeout,
            Kind::Rejected => Self::Rejected,
            Kind::Corrupt => Self::Corrupt,
            Kind::Full => Self::Full,
            _ => Self::Internal,
        }
    }
}

impl From<presence_core::Error> for Degraded {
    fn from(error: presence_core::Error) -> Self {
        match error {
            presence_core::Error::Degraded(cause) | presence_core::Error::Rejected(cause) => {
                cause.kind().into()
            }
            presence_core::Error::Full | presence_core::Error::TooManyTopics => Self::Full,
            presence_core::Error::ShuttingDown => Self::ShuttingDown,
            _ => Self::Internal,
        }
    }
}

/// Names are checked when a hit is read, so this would be a bug; even then the response is
/// not a 5xx.
impl From<InvalidValue> for Degraded {
    fn from(_: InvalidValue) -> Self {
        Self::Internal
    }
}

impl IntoResponse for Degraded {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Wire {
            ok: bool,
            degraded: bool,
            errors: [&'static str; 1],
        }
        wire::json(StatusCode::ACCEPTED, &Wire { ok: false, degraded: true, errors: [self.tag()] })
    }
}

/// The minimum time between two log lines about the same problem.
const EVERY: Duration = Duration::from_secs(10);

/// Logs each problem when it first occurs, and then every ten seconds while it lasts, with the
/// number of hits since the last line.
#[derive(Debug, Default)]
pub(crate) struct Degradations([Noted; Degraded::ALL.len()]);

#[derive(Debug, Default)]
struct Noted {
    /// Hits since the last log line.
    hits: AtomicU64,
    /// The time of the last log line, in unix milliseconds; 0: never.
    logged_at: AtomicU64,
}

impl Degradations {
    /// Counts one more hit, and logs if it is time.
    pub(crate) fn note(&self, degraded: Degraded, now: Timestamp) {
        let Some(noted) = self.0.get(degraded as usize) else { return };
        noted.hits.fetch_add(1, Ordering::Relaxed);
        let last = noted.logged_at.load(Ordering::Relaxed);
        if last != 0 && now.since(Timestamp::from_millis(last)) < EVERY {
            return;
        }
        // Of several threads, one writes the line.
        let writes =
            noted.logged_at.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed);
        if writes.is_ok() {
            let hits = noted.hits.swap(0, Ordering::Relaxed);
            tracing::warn!(hits, "{} hits are not stored", degraded.tag());
        }
    }
}
