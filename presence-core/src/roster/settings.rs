//! Settings of a roster, and the reasons for which it refuses a session.

use crate::liveness::Policy;
use crate::model::NodeId;
use crate::time::Timestamp;

/// Settings of a [`Roster`](super::Roster).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The windows that sessions are judged by.
    pub policy: Policy,
    /// The name of this process.
    pub node: NodeId,
    /// Number of shards of the store.
    pub shards: u16,
    /// Most visible sessions; beyond, [`Roster::beat`](super::Roster::beat) refuses new ones. As
    /// many invisible sessions are allowed besides (lapsed but not forgotten, or of hidden users);
    /// those beyond that number count as visible. Sessions that the store delivers are always
    /// accepted.
    pub max_sessions: usize,
    /// Most bytes that sessions and topics may take, as estimated; beyond,
    /// [`Roster::beat`](super::Roster::beat) refuses what needs more. A quarter is reserved for
    /// invisible sessions. Sessions that the store delivers are always accepted.
    pub max_bytes: usize,
    /// Most memberships of one user: the number of topics summed over all sessions of the user.
    pub max_topics_per_user: usize,
    /// Most bytes for records of users: exclusions, erasures and last-seen times. When there are
    /// more, the records of the users seen longest ago are dropped.
    pub remember_bytes: usize,
}

/// Why a session was refused. A refusal changes nothing in the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The roster is full: see [`Settings::max_sessions`] and [`Settings::max_bytes`].
    #[error("no room for another session")]
    Full,
    /// The user would have more memberships than [`Settings::max_topics_per_user`].
    #[error("too many topics of one user")]
    TooManyTopics,
    /// The user or session is excluded: see [`Roster::block`](super::Roster::block).
    #[error("blocked")]
    Blocked {
        /// When the exclusion ends, by the store's time.
        until: Timestamp,
    },
}
