//! The records that go into a store and come out of it.

use crate::model::{Node, NodeId, Session, SessionId, SessionKey, UserId, UserRecord};
use crate::time::{Blind, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A renewal: times that move forward, and nothing else. Exhaustive on purpose: a store that did not
/// know one would lose it.
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

/// The sessions of a batch of touches that the store lacks, or that have departed.
pub type Misses = Vec<SessionKey>;

/// Something to forget, under the condition that it has not changed since. Exhaustive on purpose: a
/// store that did not know one would keep it for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgetIf {
    /// A session: dropped unless it was seen or placed later than this.
    Session {
        /// The key of the session.
        key: SessionKey,
        /// Its last heartbeat; for a held session that has not left, at least that of its node as
        /// well.
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
    /// A user record: dropped unless the store's has more than this.
    User(UserRecord),
}

/// Sessions, the nodes that hold them, and user records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// At least the nodes of the held sessions, where the store knows them and the watch has not
    /// delivered them before.
    pub nodes: Vec<Node>,
    /// Records of users that outlive their sessions.
    pub users: Vec<UserRecord>,
}

/// An event of a store watch. Exhaustive on purpose: a reader that skipped one would show a wrong
/// state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// Sessions, nodes and user records as they are now, or as they were put.
    Facts(Arc<Facts>),
    /// Times that moved forward.
    Touched(Arc<[Touch]>),
    /// The store dropped these sessions, nodes and records.
    ///
    /// A reader that knows a later heartbeat or placement of the session itself keeps it: the
    /// session has come back. Heartbeats of its node do not count for that, since the store has
    /// considered them, and a later one may have arrived before this event.
    Forgotten(Arc<[ForgetIf]>),
    /// Everything that a shard holds has been delivered; from here on come changes.
    Synced {
        /// Number of the shard.
        shard: u16,
        /// The epoch of the shard's data. Another value than before means that it lost data.
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
    /// The shard's clock is virtual, and has skipped the time up to the next `Alive` in one step: it
    /// is no silence. Yielded right before that `Alive`, by stores for tests only.
    Skipped {
        /// Number of the shard.
        shard: u16,
    },
    /// An attempt to prove the shard's time failed, and the feed goes on: the proofs before and
    /// after it are not one unbroken run. Not needed before the feed ends.
    Unproven {
        /// Number of the shard.
        shard: u16,
    },
}
