//! Errors of the handle, by what the caller should do.

use crate::model::Invalid;
use crate::store;

/// Why a beat, a leave or a declaration was not, or not yet, taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks a bound. Nothing was touched; change the input.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// This process has recorded it and shows it; the store does not have it yet and will be told as soon as it can
    /// be. Nothing needs to be repeated; answer "accepted, degraded".
    #[error("recorded here, not yet stored")]
    Degraded(#[source] store::Error),
    /// The store refuses, and will refuse again. What had been recorded here was taken back.
    #[error("refused by the store")]
    Rejected(#[source] store::Error),
    /// This process holds as many sessions as it may (`max_sessions`). Nothing was touched; retry later or elsewhere.
    #[error("no room for another session")]
    Full,
    /// This process is shutting down. Nothing was touched; retry elsewhere.
    #[error("shutting down")]
    ShuttingDown,
}
