//! What goes into a store and what comes out of it.

use crate::model::{Node, NodeId, Session, SessionId, SessionKey, UserId, UserRecord};
use crate::time::{Blind, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A renewal: times that move forward, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// A session was seen.
    Session {
        /// The user it belongs to.
        user: UserId,
        /// The id of the session.
        id: SessionId,
        /// Its last beat.
        seen_at: Timestamp,
        /// Its user's last activity.
        active_at: Timestamp,
    },
    /// A process beat, for all the sessions that it holds.
    Node {
        /// Which process.
        node: NodeId,
        /// Its last beat.
        seen_at: Timestamp,
        /// Set by the last beat of a process that shuts down; see [`Node::drain_for`].
        drain_for: Option<Duration>,
    },
}

/// The sessions of a batch of touches that the store lacks or has departed.
pub type Misses = Vec<SessionKey>;

/// What the caller knows of something that it wants forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgetIf {
    /// A session, as last seen: it is dropped unless it was seen or placed later than this.
    Session {
        /// The key of the session.
        key: SessionKey,
        /// Its last beat; for a held session that has not left, at least that of its node as well.
        seen_at: Timestamp,
        /// Its placement.
        placed_at: Timestamp,
    },
    /// A node, as last seen: it is dropped unless it beat later than this.
    Node {
        /// The id of the node.
        node: NodeId,
        /// Its last beat.
        seen_at: Timestamp,
    },
    /// The record of a user, as it is known: it is dropped unless it holds more than this.
    User(UserRecord),
}

/// Sessions, the nodes that hold them, and records of users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// At least the nodes of those sessions that are held, where the store knows them and the watch
    /// has not told them before.
    pub nodes: Vec<Node>,
    /// What is kept of users beside their sessions.
    pub users: Vec<UserRecord>,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// Sessions, nodes and users' records as they are now, or as they were put.
    Facts(Arc<Facts>),
    /// Times moved forward.
    Touched(Arc<[Touch]>),
    /// The store dropped these sessions, nodes and records.
    ///
    /// A reader who knows a later beat or placement of the session itself keeps it: it has come
    /// back. Its node does not count here: the store has counted it, and the node's next beat may
    /// overtake this news.
    Forgotten(Arc<[ForgetIf]>),
    /// Everything that a shard holds has been told; from here on come changes.
    Synced {
        /// Which shard.
        shard: u16,
        /// Which life of it: another value than last time means that it lost data.
        epoch: Arc<str>,
    },
    /// The shard took a write at its time `at`, and everything up to then has been told.
    Alive {
        /// Which shard.
        shard: u16,
        /// Its own time.
        at: Timestamp,
        /// Its blind stretches, in order, at most
        /// [`BLIND_STRETCHES`](crate::time::BLIND_STRETCHES).
        blind: Arc<[Blind]>,
    },
    /// An attempt to prove the shard's time failed, and the feed goes on: the proofs before and
    /// after it are not one unbroken run. A feed that ends need not say so.
    Unproven {
        /// Which shard.
        shard: u16,
    },
}
