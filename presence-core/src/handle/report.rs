//! How things stand.
use crate::liveness::Liveness;
use crate::model::{SessionId, Status, UserId};
use crate::time::{Timestamp, View};

/// How a process stands with its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether calls to the store succeed.
    pub store: StoreHealth,
    /// Whether what is shown is known to be true now.
    pub view: View,
    /// Sessions in the roster, gone ones included until they are forgotten.
    pub sessions: usize,
    /// Users online.
    pub users: usize,
    /// Topics with at least one session.
    pub topics: usize,
    /// Own sessions whose truth the store must still be told.
    pub owed: usize,
}

/// Whether calls to the store succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// The last one did, or none was made yet.
    Up,
    /// None has since then.
    Down {
        /// The first failure.
        since: Timestamp,
        /// What it said.
        error: String,
    },
}

/// Why a user is what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Who.
    pub user: UserId,
    /// What they are.
    pub liveness: Liveness,
    /// Their effective status.
    pub status: Status,
    /// The proven time that this is said of.
    pub now: Timestamp,
    /// Whether that time is fresh.
    pub view: View,
    /// Each session.
    pub sessions: Vec<SessionReport>,
}

/// Why a session is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionReport {
    /// Which.
    pub id: SessionId,
    /// What it is.
    pub liveness: Liveness,
    /// Its last beat.
    pub seen_at: Timestamp,
    /// Its last activity.
    pub active_at: Timestamp,
    /// The rule that decided, in words.
    pub rule: String,
    /// When the verdict may change.
    pub next_change: Option<Timestamp>,
}
