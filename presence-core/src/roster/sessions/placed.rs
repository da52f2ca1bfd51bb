//! `Placed`: a new placement of a session, made by a heartbeat or delivered by the store.

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

/// A placement in which node and topics are references to the roster's shared states.
#[expect(clippy::struct_field_names, reason = "the fields have the names of those of `Placement`")]
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
        // A heartbeat that enters resets fields that it does not set; one that renews keeps them.
        let kept = before.filter(|_| beat.kind == BeatKind::Renew);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(slot)) => slot.lasting_topics(reconciler.times.now_of(slot)),
            (None, None) => Topics::NONE,
        };
        // A session that a connection of this process holds is still held, even if it sends
        // heartbeats over HTTP too.
        let here = here || before.is_some_and(|slot| slot.has(flag::HELD_HERE));
        let held = here || kept.is_some_and(|slot| slot.has(flag::HELD) && !slot.has(flag::LEFT));
        // A session that another process holds keeps its node if a heartbeat here only changes its
        // topics.
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

    /// The lease of the session after `beat`: the one that the heartbeat sets, else the present
    /// one, else the policy's.
    fn lease(&self, beat: &Beat, kept: Option<&Slot>, held: bool) -> Duration {
        let policy = &self.settings.policy;
        let usual = if held { policy.held_for } else { policy.lease_for };
        let before = kept.filter(|slot| slot.has(flag::HELD) == held).map(Slot::lease);
        let lease = beat.lease.or(before).unwrap_or(usual).clamp(Duration::from_millis(1), Policy::MAX_LEASE);
        // Nodes send heartbeats often enough for the policy's `held_for`. A shorter lease would
        // lapse between them.
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
