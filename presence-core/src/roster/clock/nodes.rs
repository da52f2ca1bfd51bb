//! Nodes: the processes of the cluster and their last heartbeats.

use crate::model::{Node, NodeId};
use crate::time::Timestamp;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One process. Sessions refer to their node, so that a heartbeat for thousands of held sessions
/// writes one number.
pub(crate) struct NodeState {
    pub id: NodeId,
    /// Time of the last heartbeat in milliseconds; zero if none is known.
    seen_at: AtomicU64,
    /// How long the node's held sessions stay alive while it drains, in milliseconds; zero if it
    /// does not.
    drain_for: AtomicU64,
    /// Whether a held session has lapsed because the node sent no heartbeat: the node's next
    /// heartbeat must then check its sessions again.
    missed: AtomicBool,
}

impl NodeState {
    pub fn seen_at(&self) -> Timestamp {
        Timestamp::from_millis(self.seen_at.load(Ordering::Acquire))
    }

    pub fn drain_for(&self) -> Option<Duration> {
        match self.drain_for.load(Ordering::Acquire) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    /// The facts that decide the states of the node's held sessions: its last heartbeat and its
    /// drain time, if known.
    pub fn vitals(&self) -> Option<(Timestamp, Option<Duration>)> {
        let seen_at = self.seen_at();
        (seen_at != Timestamp::ZERO).then(|| (seen_at, self.drain_for()))
    }

    /// Converts the last heartbeat to a clock that is ahead by `ahead` milliseconds (wrapping).
    pub fn shift(&self, ahead: u64) {
        if self.seen_at() != Timestamp::ZERO {
            self.seen_at.fetch_add(ahead, Ordering::AcqRel);
        }
    }

    pub fn miss(&self) {
        self.missed.store(true, Ordering::Release);
    }

    /// Whether [`miss`](Self::miss) was called since the last call of this method.
    pub fn was_missed(&self) -> bool {
        self.missed.load(Ordering::Acquire) && self.missed.swap(false, Ordering::AcqRel)
    }

    pub fn fact(&self) -> Node {
        Node { id: self.id.clone(), seen_at: self.seen_at(), drain_for: self.drain_for() }
    }
}

/// All nodes that sessions refer to or that have sent heartbeats. Bounded by the number of
/// sessions; nodes without sessions are dropped when they are forgotten.
#[derive(Default)]
pub(crate) struct Nodes(RwLock<HashMap<NodeId, Arc<NodeState>, foldhash::fast::RandomState>>);

impl Nodes {
    /// The state of a node, created if it does not exist.
    pub fn of(&self, id: &NodeId) -> Arc<NodeState> {
        if let Some(node) = self.0.read().get(id) {
            return Arc::clone(node);
        }
        let new = || {
            let (seen_at, drain_for) = (AtomicU64::new(0), AtomicU64::new(0));
            Arc::new(NodeState { id: id.clone(), seen_at, drain_for, missed: AtomicBool::new(false) })
        };
        Arc::clone(self.0.write().entry(id.clone()).or_insert_with(new))
    }

    /// Merges a node record; returns the node, and whether it stopped draining, so that its
    /// sessions may lapse sooner than scheduled.
    pub fn touch(
        &self,
        id: &NodeId,
        seen_at: Timestamp,
        drain_for: Option<Duration>,
    ) -> (Arc<NodeState>, bool) {
        let node = self.of(id);
        // Keeps the two numbers consistent. Writes are rare, so they can share the map's lock.
        let _one_writer = self.0.write();
        let mut sooner = false;
        if (seen_at, drain_for) > (node.seen_at(), node.drain_for()) {
            sooner = drain_for < node.drain_for();
            let millis = drain_for.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX).max(1));
            node.drain_for.store(millis, Ordering::Release);
            node.seen_at.store(seen_at.as_millis(), Ordering::Release);
        }
        (node, sooner)
    }

    /// All nodes with a known heartbeat.
    pub fn known(&self) -> Vec<Arc<NodeState>> {
        self.0.read().values().filter(|node| node.vitals().is_some()).map(Arc::clone).collect()
    }

    /// Drops a node without sessions, unless it was seen later than `seen_at`.
    pub fn forget(&self, id: &NodeId, seen_at: Timestamp) {
        let mut nodes = self.0.write();
        if nodes.get(id).is_some_and(|node| Arc::strong_count(node) == 1 && node.seen_at() <= seen_at) {
            nodes.remove(id);
        }
    }

    /// Drops nodes without sessions and without a known heartbeat.
    pub fn tidy(&self) {
        self.0.write().retain(|_, node| Arc::strong_count(node) > 1 || node.vitals().is_some());
    }
}
