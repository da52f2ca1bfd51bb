//! What the store tells, and what this process must tell again because the store shows less.

use crate::model::{Departure, Node, Session, SessionId, SessionKey, UserId};
use crate::roster::Roster;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::store::{Facts, Touch};
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Sessions of which the store must be told the truth again.
pub type Owed = Vec<SessionKey>;

impl Roster {
    /// A watch of the store begins: until `synced`, what it tells confirms what is known.
    pub fn begin(&self) {
        Arc::make_mut(&mut self.clocks.write()).begin();
        if self.heard.swap(false, Ordering::AcqRel) {
            let next = |generation: u8| Some(generation.checked_add(1).unwrap_or(1));
            let _ = self.generation.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        }
    }

    /// The watch in which something is told now.
    pub(crate) fn known_in(&self) -> u8 {
        if !self.heard.load(Ordering::Acquire) {
            self.heard.store(true, Ordering::Release);
        }
        self.generation.load(Ordering::Acquire)
    }

    /// Takes facts; `shard_of` answers the store's shard of a session's user.
    pub fn merge(&self, facts: &Facts, shard_of: impl Fn(&Session) -> u16, now: Timestamp) -> Owed {
        let mut owed = Owed::new();
        // Nodes first: a held session is judged by its node.
        for Node { id, seen_at, drain_for } in &facts.nodes {
            self.touch_node(id, *seen_at, *drain_for, now);
        }
        for session in &facts.sessions {
            self.under_lock(&session.user, now, |locked, hash, reconciler| {
                self.merge_one(locked, hash, session, shard_of(session), reconciler, &mut owed);
            });
        }
        owed
    }

    fn merge_one(
        &self,
        locked: &mut Shard,
        hash: u32,
        stored: &Session,
        shard: u16,
        reconciler: &Reconciler<'_>,
        owed: &mut Owed,
    ) {
        let found = locked.find(hash, &stored.user, &stored.id);
        let found = found.inspect(|&at| locked.move_to_store_time(hash, at, reconciler));
        let mut before = locked.user_state(locked.head(hash, &stored.user), found);
        let at = found.unwrap_or_else(|| {
            self.sessions.fetch_add(1, Ordering::Relaxed);
            let mut slot = Slot::new(stored.key(), shard, self.placed_as(stored));
            slot.say(stored.declared.clone());
            locked.insert(hash, slot)
        });
        if found.is_none() {
            before = before.and_new(at);
        }
        let placed = locked.slots[at].yields_to(&stored.placement).then(|| self.placed_as(stored));
        let slot = &mut locked.slots[at];
        let moved = placed.is_some();
        let knows_more = !moved && slot.placement() != stored.placement;
        if slot.has(flag::TRACKED)
            && (knows_more || slot.declares_over(stored) || slot.was_seen_long_after(stored))
        {
            owed.push(slot.key());
        }
        if let Some(placed) = placed {
            slot.place(placed);
            // Whoever took it over speaks for it now. The connection here, if any, ends without a
            // word.
            slot.set(flag::TRACKED, slot.has(flag::TRACKED) && slot.node.id == *self.node());
            slot.set(flag::HELD_HERE, slot.has(flag::HELD_HERE) && slot.node.id == *self.node());
        }
        let declared = stored
            .declared
            .as_ref()
            .filter(|declared| slot.declared().is_none_or(|known| declared.supersedes(known)));
        let declares = declared.is_some();
        if let Some(declared) = declared {
            slot.say(Some(declared.clone()));
        }
        let times = (slot.seen_at, slot.active_at);
        slot.seen_at = times.0.max(stored.seen_at);
        slot.active_at = times.1.max(stored.active_at);
        slot.generation = self.known_in();
        let was_unconfirmed = slot.has(flag::UNCONFIRMED) || !slot.has(flag::CONFIRMED);
        slot.set(flag::CONFIRMED, true);
        slot.set(flag::UNCONFIRMED, false);
        let corrected = self.correct(slot, reconciler, owed);
        if was_unconfirmed {
            locked.unconfirmed.remove(&at);
        }
        let head = locked.head(hash, &stored.user).unwrap_or(at);
        let moved_on = times != (locked.slots[at].seen_at, locked.slots[at].active_at);
        // Its first beat changes by what it is judged, and may bring its next change nearer.
        let starts = moved_on && times.0 == Timestamp::ZERO;
        let changed = starts || found.is_none() || moved || declares || was_unconfirmed || corrected;
        if changed || moved_on && !locked.is_reconciled(head, at, reconciler) {
            locked.reconcile(head, before, reconciler);
        }
        owed.extend(self.carry_out_again(locked, hash, &stored.user, shard, reconciler));
    }

    /// Sets right what the store holds of this process's own connections; answers whether anything
    /// was.
    fn correct(&self, slot: &mut Slot, reconciler: &Reconciler<'_>, owed: &mut Owed) -> bool {
        let stamp = reconciler.times.stamp;
        let mine = slot.has(flag::HELD) && slot.node.id == *self.node();
        match slot.left() {
            // Somebody ended it although its client has been heard here since: it is still
            // connected.
            Some(left) if slot.has(flag::HELD_HERE) && slot.seen_at > left.at => {
                slot.placed_at = stamp.max(slot.placed_at + Duration::from_millis(1));
                slot.end(None);
                slot.node = Arc::clone(&self.me);
                slot.set(flag::HELD, true);
            }
            // A connection that is long gone: its leave got lost.
            None if mine && !slot.has(flag::HELD_HERE) && !self.draining.load(Ordering::Acquire) => {
                slot.end(Some(Departure { at: stamp, ends_at: stamp }));
            }
            _ => return false,
        }
        owed.push(slot.key());
        true
    }

    /// Takes renewals.
    pub fn touched(&self, touches: &[Touch], now: Timestamp) {
        for touch in touches {
            match touch {
                Touch::Session { user, id, seen_at, active_at } => {
                    self.under_lock(user, now, |locked, hash, reconciler| {
                        let Some(at) = locked.find(hash, user, id) else { return };
                        let head = locked.head(hash, user).unwrap_or(at);
                        let before = locked.user_state(Some(head), [at]);
                        let slot = &mut locked.slots[at];
                        let starts = slot.seen_at == Timestamp::ZERO;
                        slot.seen_at = slot.seen_at.max(*seen_at);
                        slot.active_at = slot.active_at.max(*active_at);
                        let confirmed = slot.has(flag::UNCONFIRMED);
                        slot.set(flag::UNCONFIRMED, false);
                        if confirmed {
                            locked.unconfirmed.remove(&at);
                        }
                        if starts || confirmed || !locked.is_reconciled(head, at, reconciler) {
                            locked.reconcile(head, before, reconciler);
                        }
                    });
                }
                Touch::Node { node, seen_at, drain_for } => self.touch_node(node, *seen_at, *drain_for, now),
            }
        }
    }

    fn touch_node(
        &self,
        id: &crate::NodeId,
        seen_at: Timestamp,
        drain_for: Option<Duration>,
        now: Timestamp,
    ) {
        if *id == self.settings.node {
            // Nobody knows better than this process how it is.
            return;
        }
        self.beat_of(id, seen_at, drain_for, now);
    }

    /// Enters a node's beat. One that comes back after a pause brings back the sessions that lapsed
    /// with it; so does one that facts tell of after its sessions.
    pub(crate) fn beat_of(
        &self,
        id: &crate::NodeId,
        seen_at: Timestamp,
        drain_for: Option<Duration>,
        now: Timestamp,
    ) -> Node {
        let (node, sooner) = self.nodes.touch(id, seen_at, drain_for);
        if node.was_missed() || sooner {
            self.reconcile_all(now, |slot| {
                slot.has(flag::HELD) && Arc::ptr_eq(&slot.node, &node) && (sooner || !slot.state.is_live())
            });
        }
        node.fact()
    }

    /// A shard of the store has told everything: what it lacked is unconfirmed, and what of that is
    /// own is owed.
    pub fn synced(&self, shard: u16, now: Timestamp) -> Owed {
        let mut owed = Owed::new();
        let generation = self.generation.load(Ordering::Acquire);
        self.walk(now, |locked, at, reconciler| {
            let slot = &mut locked.slots[at];
            if slot.shard != shard || slot.generation == generation {
                return;
            }
            if slot.has(flag::TRACKED) && slot.state.is_live() {
                owed.push(slot.key());
            }
            if !slot.has(flag::CONFIRMED) || slot.has(flag::UNCONFIRMED) {
                return;
            }
            if slot.state.is_live() {
                locked.doubt(at, reconciler);
            } else {
                self.let_go(locked, at);
            }
        });
        owed
    }

    /// The store has these sessions: it answered a put or a touch of them.
    pub fn confirm<'a>(&self, keys: impl IntoIterator<Item = (&'a UserId, &'a SessionId)>, now: Timestamp) {
        for (user, id) in keys {
            self.under_lock(user, now, |locked, hash, reconciler| {
                let Some(at) = locked.find(hash, user, id) else { return };
                let slot = &mut locked.slots[at];
                slot.generation = self.known_in();
                if slot.has(flag::CONFIRMED) && !slot.has(flag::UNCONFIRMED) {
                    return;
                }
                slot.set(flag::CONFIRMED, true);
                slot.set(flag::UNCONFIRMED, false);
                locked.unconfirmed.remove(&at);
                locked.reconcile_at(at, reconciler);
            });
        }
    }
}
