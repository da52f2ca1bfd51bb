//! Errors of the handle, by what the caller should do.

use crate::model::InvalidValue;
use crate::roster::Refused;
use crate::store;
use crate::time::Timestamp;

/// Why a beat, a leave or a declaration was not, or not yet, taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks a bound. Nothing was touched; change the input.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// This process has recorded it and shows it; the store does not have it yet and will be told
    /// as soon as it can be. Nothing needs to be repeated; answer "accepted, degraded".
    #[error("recorded here, not yet stored")]
    Degraded(#[source] store::Error),
    /// The store refuses, and will refuse again. What had been recorded here was taken back.
    #[error("refused by the store")]
    Rejected(#[source] store::Error),
    /// This process, or its store, holds as many sessions as it may (`max_sessions`) or takes as
    /// much memory for them as it may (`max_bytes`); of a disconnection or an erasure, it remembers
    /// as many as it may (`remember_bytes`). Nothing was touched; retry later or elsewhere.
    #[error("no room for another session")]
    Full,
    /// The user's sessions would be in more topics together than they may (`max_topics_per_user`).
    /// Nothing was touched; leave some topics first.
    #[error("too many topics of one user")]
    TooManyTopics,
    /// The user or the session was disconnected and may not come back yet. Nothing was touched.
    #[error("blocked")]
    Blocked {
        /// When it may come back, by the store's time.
        until: Timestamp,
    },
    /// This process is shutting down. Nothing was touched; retry elsewhere.
    #[error("shutting down")]
    ShuttingDown,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::TooManyTopics => Self::TooManyTopics,
            Refused::Blocked { until } => Self::Blocked { until },
        }
    }
}
