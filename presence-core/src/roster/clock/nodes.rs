//! What the roster knows of processes.

use crate::model::{Node, NodeId};
use crate::time::Timestamp;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One process. Sessions point to the process that placed them, so that a beat for thousands of
/// held sessions is one store to one number.
pub(crate) struct NodeState {
    pub id: NodeId,
    /// Its last beat in milliseconds; zero while nothing is known.
    seen_at: AtomicU64,
    /// How long its sessions live on while it drains, in milliseconds; zero while it does not.
    drain_for: AtomicU64,
    /// Whether a session that it holds was found gone for want of its beats: they bring it back.
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

    /// What counts for the sessions that it holds, if anything is known.
    pub fn vitals(&self) -> Option<(Timestamp, Option<Duration>)> {
        let seen_at = self.seen_at();
        (seen_at != Timestamp::ZERO).then(|| (seen_at, self.drain_for()))
    }

    /// Moves its last beat to another clock, which is ahead by this many milliseconds, wrapping.
    pub fn shift(&self, ahead: u64) {
        if self.seen_at() != Timestamp::ZERO {
            self.seen_at.fetch_add(ahead, Ordering::AcqRel);
        }
    }

    pub fn miss(&self) {
        self.missed.store(true, Ordering::Release);
    }

    /// Whether it has been missed since this was last asked.
    pub fn was_missed(&self) -> bool {
        self.missed.load(Ordering::Acquire) && self.missed.swap(false, Ordering::AcqRel)
    }

    pub fn fact(&self) -> Node {
        Node { id: self.id.clone(), seen_at: self.seen_at(), drain_for: self.drain_for() }
    }
}

/// All processes that sessions point to or that have beaten. Bounded by the sessions and, for nodes
/// without any, by their being forgotten.
#[derive(Default)]
pub(crate) struct Nodes(RwLock<HashMap<NodeId, Arc<NodeState>, foldhash::fast::RandomState>>);

impl Nodes {
    /// The state of a node, made if need be.
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

    /// Moves a node's register forward; answers also whether its sessions may go sooner than
    /// before, because it drains no longer.
    pub fn touch(
        &self,
        id: &NodeId,
        seen_at: Timestamp,
        drain_for: Option<Duration>,
    ) -> (Arc<NodeState>, bool) {
        let node = self.of(id);
        // Writers of one node are few and far between; the map's lock keeps the two numbers
        // together.
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

    /// Every node of which something is known.
    pub fn known(&self) -> Vec<Arc<NodeState>> {
        self.0.read().values().filter(|node| node.vitals().is_some()).map(Arc::clone).collect()
    }

    /// Drops a node that nobody points to, unless it has been seen later than `seen_at`.
    pub fn forget(&self, id: &NodeId, seen_at: Timestamp) {
        let mut nodes = self.0.write();
        if nodes.get(id).is_some_and(|node| Arc::strong_count(node) == 1 && node.seen_at() <= seen_at) {
            nodes.remove(id);
        }
    }

    /// Drops nodes that are not known and that nobody points to.
    pub fn tidy(&self) {
        self.0.write().retain(|_, node| Arc::strong_count(node) > 1 || node.vitals().is_some());
    }
}
