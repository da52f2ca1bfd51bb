//! Decides which process performs an action that must happen once per cluster, such as
//! forgetting a session.

use crate::liveness::Policy;
use crate::model::NodeId;
use crate::roster::clock::nodes::Nodes;
use crate::time::ViewClock;

/// The live processes at one moment, which are ranked to find the responsible one.
pub(crate) struct Responsibility {
    /// Hashes of the other processes that are alive and not draining.
    others: Vec<u64>,
    /// Hash of this process; `None` while it drains, since it is then responsible for nothing.
    own: Option<u64>,
}

impl Responsibility {
    pub fn now(me: &NodeId, draining: bool, nodes: &Nodes, policy: &Policy, view: &ViewClock) -> Self {
        let is_live = |seen_at| view.age(seen_at) < policy.held_for;
        let others = nodes.known().into_iter().filter(|node| node.id != *me);
        let others = others.filter(|node| node.drain_for().is_none() && is_live(node.seen_at()));
        Self {
            others: others.map(|node| hash(0, node.id.as_str())).collect(),
            own: (!draining).then(|| hash(0, me.as_str())),
        }
    }

    /// This process's rank among the live processes for a key (a user or a node): the number of
    /// processes ranked before it. `None` while it drains.
    ///
    /// Rendezvous hashing: every process computes the same order by itself, and few keys get
    /// another first process when a process starts or stops.
    pub fn rank(&self, key: &str) -> Option<usize> {
        let weight = |node: u64| hash(node, key);
        let own = weight(self.own?);
        Some(self.others.iter().filter(|&&other| weight(other) > own).count())
    }
}

/// The stable hash with a finishing mix.
fn hash(seed: u64, text: &str) -> u64 {
    let raw = crate::hash::stable(seed, text);
    let mixed = (raw ^ (raw >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
