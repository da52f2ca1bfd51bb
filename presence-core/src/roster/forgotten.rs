//! What the store has forgotten.

use super::Roster;
use super::feed::Owed;
use super::settle::Settling;
use super::shard::Shard;
use super::slot::flag;
use crate::model::SessionKey;
use crate::store::Seen;
use crate::time::{Timestamp, ViewClock};

impl Roster {
    /// Drops what was forgotten, unless it has been seen later here. Forgetting is no verdict: what
    /// lives here is told again if it is own, and else waits for a lease to be confirmed.
    pub fn forgotten(&self, seen: &[Seen], now: Timestamp) -> Owed {
        let mut owed = Owed::new();
        for seen in seen {
            match seen {
                Seen::Session { key, seen_at, placed_at } => {
                    let owes = self.under_lock(&key.user, now, |locked, hash, settling| {
                        let at = locked.find(hash, &key.user, &key.id)?;
                        self.forget_one(locked, at, (*seen_at, *placed_at), settling)
                    });
                    owed.extend(owes);
                }
                Seen::User(record) => self.shard_of(&record.user).0.lock().records.forget(record),
                Seen::Node { node, seen_at } => self.nodes.forget(node, *seen_at),
            }
        }
        owed
    }

    fn forget_one(
        &self,
        locked: &mut Shard,
        at: u32,
        (seen_at, placed_at): (Timestamp, Timestamp),
        settling: &Settling<'_>,
    ) -> Option<SessionKey> {
        // What time has brought about comes first.
        if !locked.is_settled(locked.head_of(at), at, settling) {
            locked.settle_at(at, settling);
        }
        let slot = &locked.slots[at];
        // Of the session itself: the store has counted its node, whose next beat may have overtaken
        // this news.
        let is_known_later = slot.seen_at > seen_at || slot.placed_at > placed_at;
        if slot.state.is_live() && slot.has(flag::OWN) {
            return Some(slot.key());
        }
        if is_known_later {
            return None;
        }
        if slot.state.is_live() {
            locked.doubt(at, settling);
        } else {
            self.let_go(locked, at);
        }
        None
    }
}

impl Shard {
    /// Notes that the store lacks a session that lives here: it goes in a lease, unless it is
    /// confirmed.
    pub(super) fn doubt(&mut self, at: u32, settling: &Settling<'_>) {
        let slot = &mut self.slots[at];
        if slot.has(flag::UNCONFIRMED) {
            return;
        }
        let since = settling.times.of(slot).map_or(settling.times.stamp, ViewClock::now);
        slot.set(flag::UNCONFIRMED, true);
        self.unconfirmed.insert(at, since);
        self.settle_at(at, settling);
    }
}
