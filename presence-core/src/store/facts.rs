//! The data that is written to a store and delivered by it.

use crate::model::{Node, NodeId, Session, SessionId, SessionKey, UserId, UserRecord};
use crate::time::{Blind, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A renewal: it only moves times forward. Exhaustive on purpose: a store must write every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// A session was seen.
    Session {
        /// The user it belongs to.
        user: UserId,
        /// The id of the session.
        id: SessionId,
        /// The last heartbeat.
        seen_at: Timestamp,
        /// The user's last activity.
        active_at: Timestamp,
    },
    /// The heartbeat of a process, for all sessions that it holds.
    Node {
        /// The name of the process.
        node: NodeId,
        /// The last heartbeat.
        seen_at: Timestamp,
        /// Set by the last heartbeat of a process that shuts down; see [`Node::drain_for`].
        drain_for: Option<Duration>,
    },
}

impl Touch {
    /// The renewal of a session to its present times.
    pub fn of(session: &Session) -> Self {
        let (user, id) = (session.user.clone(), session.id.clone());
        Self::Session { user, id, seen_at: session.seen_at, active_at: session.active_at }
    }

    /// The key of the session; `None` for the heartbeat of a process.
    pub fn key(&self) -> Option<SessionKey> {
        let Self::Session { user, id, .. } = self else { return None };
        Some(SessionKey { user: user.clone(), id: id.clone() })
    }
}

/// The sessions in a batch of touches that the store lacks, or that have departed.
pub type Misses = Vec<SessionKey>;

/// A record to forget, if it has not changed since. Exhaustive on purpose: a store must delete
/// every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgetIf {
    /// A session: dropped unless it was seen or placed later than this.
    Session {
        /// The key of the session.
        key: SessionKey,
        /// Its last heartbeat; for a held session that has not left, at least that of its
        /// node as well.
        seen_at: Timestamp,
        /// When its placement was made.
        placed_at: Timestamp,
    },
    /// A node: dropped unless it sent a heartbeat later than this.
    Node {
        /// The id of the node.
        node: NodeId,
        /// The last heartbeat.
        seen_at: Timestamp,
    },
    /// A user record: dropped unless the store's record contains more than this one.
    User(UserRecord),
}

/// Sessions, the nodes that hold them, and user records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// The nodes of the held sessions, if the store knows them. A watch may omit nodes that it has
    /// delivered before.
    pub nodes: Vec<Node>,
    /// Records of users, which are kept after their sessions are forgotten.
    pub users: Vec<UserRecord>,
}

/// An event of a store watch. Exhaustive on purpose: a reader that ignored an event would have a
/// wrong state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// Sessions, nodes and user records: their present state, or the state that was written.
    Facts(Arc<Facts>),
    /// Times that moved forward.
    Touched(Arc<[Touch]>),
    /// The store dropped these sessions, nodes and records.
    ///
    /// A reader that knows a later heartbeat or placement of the session keeps it, since the
    /// session was entered or renewed meanwhile. Heartbeats of its node do not count for that: the
    /// store has considered them, and a later one may have arrived before this event.
    Forgotten(Arc<[ForgetIf]>),
    /// Everything in a shard has been delivered; only changes follow.
    Synced {
        /// Number of the shard.
        shard: u16,
        /// The epoch of the shard's data. If it differs from the last one, the shard has lost data.
        epoch: Arc<str>,
    },
    /// The shard accepted a write at its time `at`, and everything up to then has been delivered.
    Alive {
        /// Number of the shard.
        shard: u16,
        /// The shard's own time.
        at: Timestamp,
        /// The shard's blind stretches, in order, at most
        /// [`BLIND_STRETCHES`](crate::time::BLIND_STRETCHES).
        blind: Arc<[Blind]>,
    },
    /// The shard's clock is virtual, and the time until the next `Alive` was skipped in one step,
    /// so that it is not a silence. Yielded right before that `Alive`, and only by
    /// stores for tests.
    Skipped {
        /// Number of the shard.
        shard: u16,
    },
    /// An attempt to prove the shard's time failed, but the feed continues. Interrupts the run of
    /// proofs. A feed that ends need not yield it first.
    Unproven {
        /// Number of the shard.
        shard: u16,
    },
}
