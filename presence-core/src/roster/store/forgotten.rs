//! What the store has forgotten.

use crate::model::SessionKey;
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::store::feed::Owed;
use crate::store::ForgetIf;
use crate::time::{Timestamp, ViewClock};

impl Roster {
    /// Drops what was forgotten, unless it has been seen later here. Forgetting is no verdict: what
    /// lives here is told again if it is own, and else waits for a lease to be confirmed.
    pub fn forgotten(&self, seen: &[ForgetIf], now: Timestamp) -> Owed {
        let mut owed = Owed::new();
        for seen in seen {
            match seen {
                ForgetIf::Session { key, seen_at, placed_at } => {
                    let owes = self.under_lock(&key.user, now, |locked, hash, reconciler| {
                        let at = locked.find(hash, &key.user, &key.id)?;
                        self.forget_one(locked, at, (*seen_at, *placed_at), reconciler)
                    });
                    owed.extend(owes);
                }
                ForgetIf::User(record) => self.shard_of(&record.user).0.lock().records.forget(record),
                ForgetIf::Node { node, seen_at } => self.nodes.forget(node, *seen_at),
            }
        }
        owed
    }

    fn forget_one(
        &self,
        locked: &mut Shard,
        at: u32,
        (seen_at, placed_at): (Timestamp, Timestamp),
        reconciler: &Reconciler<'_>,
    ) -> Option<SessionKey> {
        // What time has brought about comes first.
        if !locked.is_reconciled(locked.head_of(at), at, reconciler) {
            locked.reconcile_at(at, reconciler);
        }
        let slot = &locked.slots[at];
        // Of the session itself: the store has counted its node, whose next beat may have overtaken
        // this news.
        let is_known_later = slot.seen_at > seen_at || slot.placed_at > placed_at;
        if slot.state.is_live() && slot.has(flag::TRACKED) {
            return Some(slot.key());
        }
        if is_known_later {
            return None;
        }
        if slot.state.is_live() {
            locked.doubt(at, reconciler);
        } else {
            self.let_go(locked, at);
        }
        None
    }
}

impl Shard {
    /// Notes that the store lacks a session that lives here: it goes in a lease, unless it is
    /// confirmed.
    pub(crate) fn doubt(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        let slot = &mut self.slots[at];
        if slot.has(flag::UNCONFIRMED) {
            return;
        }
        let since = reconciler.times.of(slot).map_or(reconciler.times.stamp, ViewClock::now);
        slot.set(flag::UNCONFIRMED, true);
        self.unconfirmed.insert(at, since);
        self.reconcile_at(at, reconciler);
    }
}
