//! The merge of two states of one session: three registers, each merged separately.
//!
//! The merge is commutative, associative and idempotent, so that it does not matter in which order,
//! how often, or through which process changes arrive.

use crate::model::{Declared, Placement, Session};
use crate::time::Timestamp;
use serde::Serialize;
use std::cmp::Ordering;

impl Placement {
    /// Whether this placement wins the merge against `other`.
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
    /// Whether this declaration wins the merge against `other`.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.at.cmp(&other.at).then_with(|| compare_encoded(self, other)).is_gt()
    }
}

/// Decides between two records with the same time by their encoded bytes. Any fixed order would do,
/// as long as all backends share it.
fn compare_encoded<T: Serialize + PartialEq>(one: &T, other: &T) -> Ordering {
    // Equal records are the common case, and need no encoding.
    if one == other {
        return Ordering::Equal;
    }
    let encoded = |part: &T| serde_json::to_vec(part).unwrap_or_default();
    encoded(one).cmp(&encoded(other))
}

impl Session {
    /// Merges `other`, a state of the same session, into this one; returns
    /// whether anything changed.
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

    /// Moves the times forward; returns whether either changed.
    pub fn touch(&mut self, seen_at: Timestamp, active_at: Timestamp) -> bool {
        let before = (self.seen_at, self.active_at);
        self.seen_at = before.0.max(seen_at);
        self.active_at = before.1.max(active_at);
        before != (self.seen_at, self.active_at)
    }
}

#[cfg(test)]
mod tests;
