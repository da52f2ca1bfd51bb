//! The state that the handles of a store share: shards, nodes, and the proven time.

use crate::queue::Queue;
use crate::shard::{Budget, Shard};
use foldhash::fast::RandomState;
use parking_lot::{Mutex, RwLock};
use presence_core::store::{Node, Placement};
use presence_core::time::{Ask, BlindList, TimeLine};
use presence_core::{Clock, NodeId, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Number of shards, each with its own lock. A power of two.
pub(crate) const SHARDS: usize = 256;

/// The state that the handles share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    /// The proven time, and the blind stretches: periods in which this process was paused.
    pub(crate) line: Mutex<TimeLine>,
    pub(crate) epoch: Arc<str>,
    pub(crate) shards: Box<[Mutex<Shard>]>,
    /// Locked before a shard, never after.
    pub(crate) nodes: RwLock<Nodes>,
    hasher: RandomState,
    /// Number of the next handle.
    pub(crate) handles: AtomicU64,
    pub(crate) budget: Budget,
}

/// The nodes, and the watches of their changes.
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) known: HashMap<NodeId, Node, RandomState>,
    pub(crate) listeners: Vec<Arc<Queue>>,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        // A new memory store has no lost data that processes would have to write again, so the time
        // before it is not blind.
        let now = clock.now();
        let line = TimeLine { at: now, born: now, blind: BlindList::default() };
        Self {
            line: Mutex::new(line),
            clock,
            epoch: format!("{:016x}", presence_core::random::u64()).into(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            nodes: RwLock::default(),
            hasher: RandomState::default(),
            handles: AtomicU64::new(1),
            budget: Budget::default(),
        }
    }

    /// The shard of a user, and the hash that its index stores.
    pub(crate) fn locate(&self, user: &UserId) -> (&Mutex<Shard>, u32) {
        let hash = self.hasher.hash_one(user.as_str());
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are used for themselves")]
        let (low, high) = (hash as usize, (hash >> 32) as u32);
        (&self.shards[low % SHARDS], high)
    }

    /// Advances the proven time to `now`. A long step is a blind stretch, unless virtual time was
    /// skipped (`is_skipped`).
    pub(crate) fn prove(&self, now: Timestamp, is_skipped: bool) -> Timestamp {
        let mut line = self.line.lock();
        if is_skipped {
            line.skip(now);
        } else {
            line.advance(&Ask::default(), now);
        }
        line.at
    }

    /// Returns all nodes, and registers `queue` for their changes.
    pub(crate) fn listen_to_nodes(&self, queue: &Arc<Queue>) -> Vec<Node> {
        let mut nodes = self.nodes.write();
        nodes.listeners.push(Arc::clone(queue));
        nodes.known.values().cloned().collect()
    }

    pub(crate) fn stop_listening(&self, queue: &Arc<Queue>) {
        let is_other = |listener: &Arc<Queue>| !Arc::ptr_eq(listener, queue);
        self.nodes.write().listeners.retain(is_other);
        for shard in &self.shards {
            shard.lock().listeners.retain(is_other);
        }
    }
}

impl Nodes {
    /// Merges a heartbeat.
    pub(crate) fn touch(&mut self, node: Node) {
        match self.known.get_mut(&node.id) {
            Some(known) if known.rank() >= node.rank() => {}
            Some(known) => *known = node,
            None => {
                self.known.insert(node.id.clone(), node);
            }
        }
    }

    /// The last heartbeat of the node that holds a session; zero if there is none.
    pub(crate) fn seen_at(&self, placement: &Placement) -> Timestamp {
        let is_held = placement.held && placement.left.is_none();
        let node = is_held.then(|| self.known.get(&placement.node)).flatten();
        node.map_or(Timestamp::ZERO, |node| node.seen_at)
    }
}
