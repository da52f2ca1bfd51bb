//! Sessions, users and nodes that the store has forgotten.

use crate::model::SessionKey;
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::sessions::stored::StoredState;
use crate::roster::store::feed::Rewrites;
use crate::store::ForgetIf;
use crate::time::{Timestamp, ViewClock};

impl Roster {
    /// Drops what the store has forgotten, unless this process knows a newer state. Live sessions
    /// are not dropped: those of this process are returned, to be written again; others become
    /// unconfirmed, and lapse after a lease unless they are confirmed.
    pub fn forgotten(&self, seen: &[ForgetIf], now: Timestamp) -> Rewrites {
        let mut rewrites = Rewrites::new();
        for seen in seen {
            match seen {
                ForgetIf::Session { key, seen_at, placed_at } => {
                    let rewrite = self.under_lock(&key.user, now, |locked, hash, reconciler| {
                        let at = locked.find(hash, &key.user, &key.id)?;
                        self.forget_one(locked, at, (*seen_at, *placed_at), reconciler)
                    });
                    rewrites.extend(rewrite);
                }
                ForgetIf::User(record) => self.shard_of(&record.user).0.lock().records.forget(record),
                ForgetIf::Node { node, seen_at } => self.nodes.forget(node, *seen_at),
            }
        }
        rewrites
    }

    /// Handles one forgotten session. First brings its state up to date. If it is live and this
    /// process's own, returns its key, to write it again. If no newer state is known, drops it, or
    /// marks it as unconfirmed if it is live.
    fn forget_one(
        &self,
        locked: &mut Shard,
        at: u32,
        (seen_at, placed_at): (Timestamp, Timestamp),
        reconciler: &Reconciler<'_>,
    ) -> Option<SessionKey> {
        // Applies changes that time alone has caused.
        locked.reconcile_if_due(at, reconciler);
        let slot = &locked.slots[at];
        // Compares the session's own times, not those of its node. The store considered the node's
        // heartbeat when it forgot the session, and a newer heartbeat may have arrived here before
        // this event.
        let is_known_later = slot.seen_at > seen_at || slot.placed_at > placed_at;
        if slot.state.is_live() && slot.has(flag::TRACKED) {
            return Some(slot.key());
        }
        if is_known_later {
            return None;
        }
        self.note_missing(locked, at, reconciler);
        None
    }

    /// Handles a session that is missing in the store: a live one lapses after a lease unless it is
    /// confirmed, a gone one is dropped.
    pub(crate) fn note_missing(&self, locked: &mut Shard, at: u32, reconciler: &Reconciler<'_>) {
        if locked.slots[at].state.is_live() {
            locked.note_missing(at, reconciler);
        } else {
            self.let_go(locked, at);
        }
    }
}

impl Shard {
    /// Marks a live session as missing from the store. It lapses after a lease unless
    /// it is confirmed.
    fn note_missing(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        let slot = &mut self.slots[at];
        if slot.stored.is_missing() {
            return;
        }
        let since = reconciler.times.of(slot).map_or(reconciler.times.stamp, ViewClock::now);
        slot.stored = StoredState::MISSING;
        self.missing.insert(at, since);
        self.reconcile_at(at, reconciler);
    }
}
