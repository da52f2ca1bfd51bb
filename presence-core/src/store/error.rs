//! Errors of stores, distinguished by what the caller should do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The store cannot be reached or does not serve requests: retry later.
    Unavailable,
    /// No answer in time: the outcome is unknown, and repeating is safe.
    Timeout,
    /// The store refuses the call, and would refuse it again: do not retry. Never depends on a
    /// single session of a batch.
    Rejected,
    /// There is no room for entries of the batch that are new or grow; all others were accepted.
    /// Retry later, or drop them.
    Full,
    /// The store contains foreign or unreadable data: an operator must examine it.
    Corrupt,
}

impl Kind {
    /// The name of the kind in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::Full => "full",
            Self::Corrupt => "corrupt",
        }
    }
}

/// An error of a store.
///
/// Its text contains no address and no secret, and may be shown to users. The
/// [`source`](StdError::source) is for logs.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: Box<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind, with a text that may be shown to users.
    ///
    /// ```
    /// use presence_core::store::{Error, Kind};
    /// let error = Error::new(Kind::Timeout, "no answer within a second");
    /// assert_eq!(error.kind(), Kind::Timeout);
    /// ```
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into().into(), source: None }
    }

    /// Adds the cause of the error.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// A copy of the error, for another caller of the same batch.
    pub fn again(&self) -> Self {
        Self { kind: self.kind, message: self.message.clone(), source: self.source.clone() }
    }

    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
