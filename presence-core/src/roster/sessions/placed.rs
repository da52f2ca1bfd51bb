//! Placements on their way into the roster: made by a beat, or told by the store.

use crate::liveness::Policy;
use crate::model::{Beat, Departure, Meta, NodeId, Session, Topics};
use crate::roster::Roster;
use crate::roster::clock::nodes::NodeState;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A placement whose names have been looked up.
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
    /// The placement that a beat makes, with what it does not say taken from the one before.
    pub(crate) fn placed(
        &self,
        beat: &Beat,
        before: Option<&Slot>,
        here: bool,
        reconciler: &Reconciler<'_>,
    ) -> Placed {
        let stamp = reconciler.times.stamp;
        // Who enters says all anew; who renews goes on as before.
        let kept = before.filter(|_| !beat.enters);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(slot)) => slot.lasting_topics(reconciler.times.now_of(slot)),
            (None, None) => Topics::NONE,
        };
        // What a connection of this very process holds it goes on holding, whoever beats beside it.
        let here = here || before.is_some_and(|slot| slot.has(flag::HELD_HERE));
        let held = here || kept.is_some_and(|slot| slot.has(flag::HELD) && !slot.has(flag::LEFT));
        // The holder of a session that merely moves stays its node.
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

    /// How long a session lives that a beat places: as long as it says, or as long as before.
    fn lease(&self, beat: &Beat, kept: Option<&Slot>, held: bool) -> Duration {
        let policy = &self.settings.policy;
        let usual = if held { policy.held_for } else { policy.lease_for };
        let before = kept.filter(|slot| slot.has(flag::HELD) == held).map(Slot::lease);
        let lease = beat.lease.or(before).unwrap_or(usual).clamp(Duration::from_millis(1), Policy::MAX_LEASE);
        // A process beats for what it holds as its policy says, and not more often.
        let least = if held { policy.held_for } else { Duration::ZERO };
        let lease = lease.max(least);
        // In whole milliseconds, like all that is stored.
        (Timestamp::ZERO + lease).since(Timestamp::ZERO)
    }

    /// Whether a renewal changes how long a session lives.
    pub(crate) fn changes_lease(&self, beat: &Beat, slot: &Slot) -> bool {
        beat.lease.is_some() && self.lease(beat, Some(slot), slot.has(flag::HELD)) != slot.lease()
    }

    /// The placement of a session, its names looked up.
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
