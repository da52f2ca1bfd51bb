//! How two states of one session become one: three registers, each of which merges by itself.
//!
//! The merge is commutative, associative and idempotent, so it does not matter in which order, how
//! often, or through which process the news arrives.

use crate::model::{Declared, Placement, Session};
use crate::time::Timestamp;
use serde::Serialize;
use std::cmp::Ordering;

impl Placement {
    /// Whether this placement is the one that stays when it meets `other`.
    pub fn supersedes(&self, other: &Self) -> bool {
        let rank = |p: &Self| (p.placed_at, p.left);
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.node.cmp(&other.node))
            .then_with(|| compare_encoded(self, other))
            .is_gt()
    }
}

impl Declared {
    /// Whether this declaration is the one that stays when it meets `other`.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.at.cmp(&other.at).then_with(|| compare_encoded(self, other)).is_gt()
    }
}

/// Decides between two authors of one instant by their bytes: any fixed order will do, if all
/// backends share it.
fn compare_encoded<T: Serialize + PartialEq>(one: &T, other: &T) -> Ordering {
    // An echo of what is known is the common case, and needs no encoding.
    if one == other {
        return Ordering::Equal;
    }
    let encoded = |part: &T| serde_json::to_vec(part).unwrap_or_default();
    encoded(one).cmp(&encoded(other))
}

impl Session {
    /// Takes over what `other`, a state of the same session, knows better; answers whether anything
    /// changed.
    pub fn merge(&mut self, other: &Self) -> bool {
        let mut changed = false;
        if other.placement.supersedes(&self.placement) {
            self.placement = other.placement.clone();
            changed = true;
        }
        if let Some(declared) = &other.declared
            && self.declared.as_ref().is_none_or(|own| declared.supersedes(own))
        {
            self.declared.clone_from(&other.declared);
            changed = true;
        }
        changed | self.touch(other.seen_at, other.active_at)
    }

    /// Moves the times forward; answers whether either moved.
    pub fn touch(&mut self, seen_at: Timestamp, active_at: Timestamp) -> bool {
        let before = (self.seen_at, self.active_at);
        self.seen_at = before.0.max(seen_at);
        self.active_at = before.1.max(active_at);
        before != (self.seen_at, self.active_at)
    }
}

#[cfg(test)]
mod tests;
