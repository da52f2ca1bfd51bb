//! Departures: of sessions, from single topics, and of connections that dropped.

use crate::model::{Departure, Leave, LeaveKind, SessionKey, Topic, Topics};
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{Roster, StoreWrite};
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Roster {
    /// Ends a session, or its memberships in the topics that `leave` names; returns what to write
    /// to the store.
    pub fn leave(&self, leave: &Leave, now: Timestamp) -> StoreWrite {
        self.depart(&leave.key, now, |slot, reconciler| {
            if leave.placed_at.is_some_and(|seen| slot.placed_at > seen) {
                return None;
            }
            let grace = match leave.kind {
                LeaveKind::Immediate => Duration::ZERO,
                LeaveKind::AfterGrace => reconciler.policy.grace,
            };
            Some(slot.departed(leave.topics.as_deref(), reconciler, grace))
        })
    }

    /// Ends a session whose connection to this process has dropped, unless another process
    /// holds it now.
    pub fn drop_held(&self, key: &SessionKey, grace: Duration, now: Timestamp) -> StoreWrite {
        let draining = self.draining.load(Ordering::Acquire);
        self.depart(key, now, |slot, reconciler| {
            slot.set(flag::HELD_HERE, false);
            let mine = slot.has(flag::HELD) && slot.node.id == *self.node();
            // While the process drains, its held sessions stay alive for the drain time of the node
            // record.
            (mine && !draining).then(|| slot.departed(None, reconciler, grace))
        })
    }

    /// Applies the change that `decide` derives from the session, then reconciles.
    fn depart(
        &self,
        key: &SessionKey,
        now: Timestamp,
        decide: impl FnOnce(&mut Slot, &Reconciler<'_>) -> Option<Departed>,
    ) -> StoreWrite {
        self.under_lock(&key.user, now, |locked, hash, reconciler| {
            let Some(at) = locked.find(hash, &key.user, &key.id) else { return StoreWrite::Nothing };
            locked.move_to_store_time(hash, at, reconciler);
            let head = locked.head(hash, &key.user);
            let before = locked.user_state(head, [at]);
            let slot = &mut locked.slots[at];
            let old = slot.session();
            match decide(slot, reconciler) {
                None | Some(Departed::Unchanged) => return StoreWrite::Nothing,
                Some(Departed::Wholly(left)) => slot.set_left(Some(left)),
                Some(Departed::Partly(topics)) => {
                    slot.placed_at = reconciler.times.stamp.max(slot.placed_at + Duration::from_millis(1));
                    slot.memberships = self.topics.memberships(&topics);
                }
            }
            locked.reconcile(head.unwrap_or(at), before, reconciler);
            locked.slots[at].store_write(Some(old))
        })
    }
}

/// How a leave changes a session.
enum Departed {
    Wholly(Departure),
    Partly(Topics),
    Unchanged,
}

impl Slot {
    /// A departure at `stamp`, or just after the present departure if that is later. So it wins the
    /// merge even if the clock stepped back.
    pub(crate) fn departs(&self, stamp: Timestamp, grace: Duration) -> Departure {
        let at = self.left().map_or(stamp, |left| stamp.max(left.at + Duration::from_millis(1)));
        Departure { at, ends_at: at + grace }
    }

    /// The change that leaving these topics (`None`: all of them) makes: a departure, a shorter
    /// list of topics, or no change if the session has left already or is in none of them.
    fn departed(&self, topics: Option<&[Topic]>, reconciler: &Reconciler<'_>, grace: Duration) -> Departed {
        let departure = self.departs(reconciler.times.stamp, grace);
        let whole = Departed::Wholly(departure);
        if let Some(left) = self.left() {
            // A second leave counts only if it takes effect sooner, such as an immediate leave
            // within the grace of the first one.
            let sooner = departure.ends_at < left.ends_at && topics.is_none();
            return if sooner { whole } else { Departed::Unchanged };
        }
        let Some(leaving) = topics else { return whole };
        let memberships: Vec<_> = self.topics().filter(|(_, until)| until.is_none()).collect();
        let stays_on = |topic| !leaving.contains(topic);
        if !memberships.iter().any(|(topic, _)| leaving.contains(topic)) {
            return Departed::Unchanged;
        }
        if !memberships.iter().any(|(topic, _)| stays_on(topic)) {
            return whole;
        }
        let lasting = self.lasting_topics(reconciler.times.now_of(self));
        Departed::Partly(lasting.leaving(leaving, departure.ends_at))
    }
}
