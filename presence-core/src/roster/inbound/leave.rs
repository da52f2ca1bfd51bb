//! Leaves: of sessions, of topics, of connections.

use crate::model::{Departure, Leave, SessionKey, Topic, Topics};
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{Roster, StoreWrite};
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Roster {
    /// Ends a session, or its stay in some topics, and answers what the store is to be told.
    pub fn leave(&self, leave: &Leave, now: Timestamp) -> StoreWrite {
        self.depart(&leave.key, now, |slot, reconciler| {
            if leave.placed_at.is_some_and(|seen| slot.placed_at > seen) {
                return None;
            }
            let grace = if leave.at_once { Duration::ZERO } else { reconciler.policy.grace };
            Some(slot.departed(leave.topics.as_deref(), reconciler, grace))
        })
    }

    /// Ends a session whose connection to this process has dropped, unless it is placed elsewhere
    /// by now.
    pub fn drop_held(&self, key: &SessionKey, grace: Duration, now: Timestamp) -> StoreWrite {
        let draining = self.draining.load(Ordering::Acquire);
        self.depart(key, now, |slot, reconciler| {
            slot.set(flag::HELD_HERE, false);
            let mine = slot.has(flag::HELD) && slot.node.id == *self.node();
            // Whoever drains has said how long its sessions live on.
            (mine && !draining).then(|| slot.departed(None, reconciler, grace))
        })
    }

    /// Applies what `decide` makes of a session that has not left yet.
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
                None | Some(Departed::Already) => return StoreWrite::Nothing,
                Some(Departed::Wholly(left)) => slot.end(Some(left)),
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

/// What a leave makes of a session.
enum Departed {
    Wholly(Departure),
    Partly(Topics),
    Already,
}

impl Slot {
    /// A departure that wins over the one there may be, whatever became of the clock since.
    pub(crate) fn departs(&self, stamp: Timestamp, grace: Duration) -> Departure {
        let at = self.left().map_or(stamp, |left| stamp.max(left.at + Duration::from_millis(1)));
        Departure { at, ends_at: at + grace }
    }

    fn departed(&self, topics: Option<&[Topic]>, reconciler: &Reconciler<'_>, grace: Duration) -> Departed {
        let departure = self.departs(reconciler.times.stamp, grace);
        let whole = Departed::Wholly(departure);
        if let Some(left) = self.left() {
            // A second leave counts only if it ends sooner: one that says *now* after one that
            // waits.
            let sooner = departure.ends_at < left.ends_at && topics.is_none();
            return if sooner { whole } else { Departed::Already };
        }
        let Some(leaving) = topics else { return whole };
        let memberships: Vec<_> = self.topics().filter(|(_, until)| until.is_none()).collect();
        let stays_on = |topic| !leaving.contains(topic);
        if !memberships.iter().any(|(topic, _)| leaving.contains(topic)) {
            return Departed::Already;
        }
        if !memberships.iter().any(|(topic, _)| stays_on(topic)) {
            return whole;
        }
        let lasting = self.lasting_topics(reconciler.times.now_of(self));
        Departed::Partly(lasting.leaving(leaving, departure.ends_at))
    }
}
