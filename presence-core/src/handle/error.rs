//! Errors of the handle, distinguished by what the caller should do.

use crate::model::InvalidValue;
use crate::roster::Refused;
use crate::store;
use crate::time::Timestamp;

/// Why a heartbeat, leave or declaration was refused, or is not stored yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input violates a limit. Nothing was changed; change the input.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// Recorded and shown by this process, but not stored yet; it will be written as soon as
    /// possible. Nothing needs to be repeated: answer "accepted, degraded".
    #[error("recorded here, not yet stored")]
    Degraded(#[source] store::Error),
    /// The store refuses the change, and would refuse it again. This process has rolled it back.
    #[error("refused by the store")]
    Rejected(#[source] store::Error),
    /// This process or its store has no room: for sessions (`max_sessions`), their memory
    /// (`max_bytes`), or blocks and erasures (`remember_bytes`). Nothing was changed; retry later
    /// or on another process.
    #[error("no room for another session")]
    Full,
    /// The user would have more memberships than allowed (`max_topics_per_user`). Nothing was
    /// changed; leave some topics first.
    #[error("too many topics of one user")]
    TooManyTopics,
    /// The user or session was disconnected and is still blocked. Nothing was changed.
    #[error("blocked")]
    Blocked {
        /// When the block ends, by the store's time.
        until: Timestamp,
    },
    /// This process is shutting down. Nothing was changed; retry elsewhere.
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
