//! Which process does what must happen once per cluster.

use crate::liveness::Policy;
use crate::model::NodeId;
use crate::roster::clock::nodes::Nodes;
use crate::time::ViewClock;

/// The live processes at one moment, and which of them is this one.
pub(crate) struct Responsibility {
    /// Hashes of the others that live and do not drain.
    others: Vec<u64>,
    /// This process's hash; `None` while it drains: it then ranks nowhere.
    own: Option<u64>,
}

impl Responsibility {
    pub fn now(me: &NodeId, draining: bool, nodes: &Nodes, policy: &Policy, view: &ViewClock) -> Self {
        let lives = |seen_at| view.age(seen_at) < policy.held_for;
        let others = nodes.known().into_iter().filter(|node| node.id != *me);
        let others = others.filter(|node| node.drain_for().is_none() && lives(node.seen_at()));
        Self {
            others: others.map(|node| hash(0, node.id.as_str())).collect(),
            own: (!draining).then(|| hash(0, me.as_str())),
        }
    }

    /// How many live processes come before this one for a user, or for a process that is no more;
    /// `None` if it is never its turn.
    ///
    /// Every process finds the same order by itself (rendezvous hashing), and loses few users when
    /// one comes or goes.
    pub fn rank(&self, whom: &str) -> Option<usize> {
        let weight = |node: u64| hash(node, whom);
        let own = weight(self.own?);
        Some(self.others.iter().filter(|&&other| weight(other) > own).count())
    }
}

/// FNV-1a with a finishing mix: the same in every process and every version, which our maps' hash
/// is not.
fn hash(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    let raw = text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (raw ^ (raw >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
