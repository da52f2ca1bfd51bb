//! Settings of a roster, and the reasons for which it refuses a session.

use crate::liveness::Policy;
use crate::model::NodeId;
use crate::time::Timestamp;

/// Settings of a [`Roster`](super::Roster).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy that decides the states of sessions.
    pub policy: Policy,
    /// The name of this process.
    pub node: NodeId,
    /// Number of shards of the store.
    pub shards: u16,
    /// Most visible sessions. Beyond that, [`Roster::beat`](super::Roster::beat) refuses new ones.
    /// The same number of invisible sessions (lapsed but not forgotten, or of hidden users) is
    /// allowed in addition; more of them count as visible. Sessions that the store delivers are
    /// always accepted.
    pub max_sessions: usize,
    /// Most bytes of sessions and topics, estimated. Beyond that,
    /// [`Roster::beat`](super::Roster::beat) refuses heartbeats that need more. A quarter is
    /// reserved for invisible sessions. Sessions that the store delivers are always accepted.
    pub max_bytes: usize,
    /// Most memberships of one user: the number of topics summed over all sessions of the user.
    pub max_topics_per_user: usize,
    /// Most bytes for records of users: blocks, erasures and last-seen times. Beyond that, the
    /// records of the users seen longest ago are dropped.
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
    /// The user or session is blocked: see [`Roster::block`](super::Roster::block).
    #[error("blocked")]
    Blocked {
        /// When the block ends, by the store's time.
        until: Timestamp,
    },
}
