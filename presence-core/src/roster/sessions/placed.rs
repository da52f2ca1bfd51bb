//! Placements on their way into a slot, made by a heartbeat or delivered by the store.

use crate::liveness::Policy;
use crate::model::{Beat, BeatKind, Departure, Meta, NodeId, Session, Topics};
use crate::roster::Roster;
use crate::roster::clock::nodes::NodeState;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A placement whose node and topics are resolved to the roster's shared states.
#[expect(clippy::struct_field_names, reason = "a placement's fields, by their names")]
pub(crate) struct Placed {
    pub placed_at: Timestamp,
    pub left: Option<Departure>,
    pub node: Arc<NodeState>,
    pub held: bool,
    pub lease: Duration,
    pub memberships: Memberships,
    pub meta: Option<Meta>,
}

impl Roster {
    /// The placement that a heartbeat makes. Fields that the heartbeat leaves out are taken from
    /// the slot as it was before.
    pub(crate) fn placed(
        &self,
        beat: &Beat,
        before: Option<&Slot>,
        here: bool,
        reconciler: &Reconciler<'_>,
    ) -> Placed {
        let stamp = reconciler.times.stamp;
        // An entering heartbeat starts afresh; a renewing one keeps what it does not name.
        let kept = before.filter(|_| beat.kind == BeatKind::Renew);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(slot)) => slot.lasting_topics(reconciler.times.now_of(slot)),
            (None, None) => Topics::NONE,
        };
        // A session that a connection of this process holds stays held, even if heartbeats arrive
        // by other ways too.
        let here = here || before.is_some_and(|slot| slot.has(flag::HELD_HERE));
        let held = here || kept.is_some_and(|slot| slot.has(flag::HELD) && !slot.has(flag::LEFT));
        // A held session that merely changes topics keeps the node of its holder.
        let node = match before {
            Some(slot) if held && !here => Arc::clone(&slot.node),
            _ => Arc::clone(&self.me),
        };
        Placed {
            placed_at: before.map_or(stamp, |slot| stamp.max(slot.placed_at + Duration::from_millis(1))),
            left: None,
            node,
            held,
            lease: self.lease(beat, kept, held),
            memberships: self.topics.memberships(&topics),
            meta: beat.meta.clone().or_else(|| kept.and_then(|slot| slot.meta().cloned())),
        }
    }

    /// The lease of the session after `beat`: the requested one, else the present one, else the
    /// policy's.
    fn lease(&self, beat: &Beat, kept: Option<&Slot>, held: bool) -> Duration {
        let policy = &self.settings.policy;
        let usual = if held { policy.held_for } else { policy.lease_for };
        let before = kept.filter(|slot| slot.has(flag::HELD) == held).map(Slot::lease);
        let lease = beat.lease.or(before).unwrap_or(usual).clamp(Duration::from_millis(1), Policy::MAX_LEASE);
        // The node's heartbeats for held sessions follow the policy, so a shorter lease would lapse
        // between them.
        let least = if held { policy.held_for } else { Duration::ZERO };
        let lease = lease.max(least);
        // Stored times are whole milliseconds.
        (Timestamp::ZERO + lease).since(Timestamp::ZERO)
    }

    /// Whether a renewal changes the lease of the session.
    pub(crate) fn changes_lease(&self, beat: &Beat, slot: &Slot) -> bool {
        beat.lease.is_some() && self.lease(beat, Some(slot), slot.has(flag::HELD)) != slot.lease()
    }

    /// The placement of a session that the store delivered.
    pub(crate) fn placed_as(&self, session: &Session) -> Placed {
        let placement = &session.placement;
        Placed {
            placed_at: placement.placed_at,
            left: placement.left,
            node: self.node_of(&placement.node),
            held: placement.held,
            lease: placement.lease,
            memberships: self.topics.memberships(&placement.topics),
            meta: placement.meta.clone(),
        }
    }

    fn node_of(&self, id: &NodeId) -> Arc<NodeState> {
        if *id == self.settings.node { Arc::clone(&self.me) } else { self.nodes.of(id) }
    }
}
