//! What a roster is made with, and what it refuses because of that.

use crate::liveness::Policy;
use crate::model::NodeId;
use crate::time::Timestamp;

/// What a roster is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The windows.
    pub policy: Policy,
    /// Which process this is.
    pub node: NodeId,
    /// How many shards the store has.
    pub shards: u16,
    /// How many sessions may show before [`Roster::beat`](super::Roster::beat) refuses new ones. As
    /// many again may be gone and not forgotten yet, or of hidden users; more of these count like
    /// those that show. What the store tells is always taken.
    pub max_sessions: usize,
    /// How many bytes all sessions and topics may take, by estimate, before
    /// [`Roster::beat`](super::Roster::beat) refuses what needs more. A quarter of them is kept for
    /// sessions that do not show. What the store tells is always taken.
    pub max_bytes: usize,
    /// How many topics all sessions of one user may be in together, each counted as often as a
    /// session is in it.
    pub max_topics_per_user: usize,
    /// How many bytes it spends on what is remembered of users: who is kept away or was erased, and
    /// when users were last seen, of whom those seen longest ago go when there is more.
    pub remember_bytes: usize,
}

/// Why a session was not taken. Nothing has been touched then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is room for no other session.
    #[error("no room for another session")]
    Full,
    /// The user's sessions would be in more topics together than they may.
    #[error("too many topics of one user")]
    TooManyTopics,
    /// It is kept away: see [`Roster::block`](super::Roster::block).
    #[error("blocked")]
    Blocked {
        /// By the store's time.
        until: Timestamp,
    },
}
