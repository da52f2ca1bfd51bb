//! Merges the events of a store watch, and finds the sessions that must be written again because
//! this process knows a newer state than the store.

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

/// Keys of sessions whose present state must be written to the store again.
pub type Rewrites = Vec<SessionKey>;

impl Roster {
    /// Starts a new watch of the store. Each session that it delivers is thereby confirmed;
    /// [`synced`](Self::synced) finds those that it did not deliver.
    pub fn begin(&self) {
        Arc::make_mut(&mut self.clocks.write()).begin();
        self.watch.begin();
    }

    /// Merges facts into the roster; returns the sessions to write again. `shard_of` returns the
    /// store's shard of a session's user.
    pub fn merge(&self, facts: &Facts, shard_of: impl Fn(&Session) -> u16, now: Timestamp) -> Rewrites {
        let mut rewrites = Rewrites::new();
        // Nodes first, since held sessions are judged by their node.
        for Node { id, seen_at, drain_for } in &facts.nodes {
            self.touch_node(id, *seen_at, *drain_for, now);
        }
        for session in &facts.sessions {
            self.under_lock(&session.user, now, |locked, hash, reconciler| {
                self.merge_one(locked, hash, session, shard_of(session), reconciler, &mut rewrites);
            });
        }
        rewrites
    }

    // Merges one stored session, in three steps. First decides whether this process knows a newer
    // state and must write it again. Then takes over whichever of placement, declaration and times
    // is newer. Last reconciles, if the state of the session may have changed.
    //
    // The delivery also confirms the session.
    fn merge_one(
        &self,
        locked: &mut Shard,
        hash: u32,
        stored: &Session,
        shard: u16,
        reconciler: &Reconciler<'_>,
        rewrites: &mut Rewrites,
    ) {
        let found = locked.find(hash, &stored.user, &stored.id);
        let found = found.inspect(|&at| locked.move_to_store_time(hash, at, reconciler));
        let mut before = locked.user_state(locked.head(hash, &stored.user), found);
        let at = found.unwrap_or_else(|| {
            self.sessions.fetch_add(1, Ordering::Relaxed);
            let mut slot = Slot::new(stored.key(), shard, self.placed_as(stored));
            slot.set_declared(stored.declared.clone());
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
            rewrites.push(slot.key());
        }
        if let Some(placed) = placed {
            slot.place(placed);
            // If another process has taken the session over, that process is now responsible for
            // it. A connection of this process that still holds it will end without a leave.
            slot.set(flag::TRACKED, slot.has(flag::TRACKED) && slot.node.id == *self.node());
            slot.set(flag::HELD_HERE, slot.has(flag::HELD_HERE) && slot.node.id == *self.node());
        }
        let declared = stored
            .declared
            .as_ref()
            .filter(|declared| slot.declared().is_none_or(|known| declared.supersedes(known)));
        let declares = declared.is_some();
        if let Some(declared) = declared {
            slot.set_declared(Some(declared.clone()));
        }
        let times = (slot.seen_at, slot.active_at);
        slot.seen_at = times.0.max(stored.seen_at);
        slot.active_at = times.1.max(stored.active_at);
        let confirmed = locked.note_stored(at, self.watch.delivers());
        let corrected = self.correct(&mut locked.slots[at], reconciler, rewrites);
        let head = locked.head(hash, &stored.user).unwrap_or(at);
        let renewed = times != (locked.slots[at].seen_at, locked.slots[at].active_at);
        // The first heartbeat of a session changes the rule by which it is judged, and its next
        // change may come sooner.
        let starts = renewed && times.0 == Timestamp::ZERO;
        let changed = starts || found.is_none() || moved || declares || confirmed || corrected;
        if changed || renewed && !locked.is_reconciled(at, locked.verdict(at, reconciler)) {
            locked.reconcile(head, before, reconciler);
        }
        rewrites.extend(self.carry_out_again(locked, hash, &stored.user, shard, reconciler));
    }

    /// Corrects a stored session that contradicts the connections of this process; returns whether
    /// that was necessary.
    fn correct(&self, slot: &mut Slot, reconciler: &Reconciler<'_>, rewrites: &mut Rewrites) -> bool {
        let stamp = reconciler.times.stamp;
        let mine = slot.has(flag::HELD) && slot.node.id == *self.node();
        match slot.left() {
            // Another process ended the session, but its client has sent something on this
            // connection since, so it is still connected.
            Some(left) if slot.has(flag::HELD_HERE) && slot.seen_at > left.at => {
                slot.placed_at = stamp.max(slot.placed_at + Duration::from_millis(1));
                slot.set_left(None);
                slot.node = Arc::clone(&self.me);
                slot.set(flag::HELD, true);
            }
            // The session's connection has ended, and its leave was lost.
            None if mine && !slot.has(flag::HELD_HERE) && !self.draining.load(Ordering::Acquire) => {
                slot.set_left(Some(Departure { at: stamp, ends_at: stamp }));
            }
            _ => return false,
        }
        rewrites.push(slot.key());
        true
    }

    /// Merges renewals.
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
                        let confirmed =
                            slot.stored.is_missing() && locked.note_stored(at, self.watch.earlier());
                        if starts || confirmed || !locked.is_reconciled(at, locked.verdict(at, reconciler)) {
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
            // This process's own record is always newer than the store's.
            return;
        }
        self.beat_of(id, seen_at, drain_for, now);
    }

    /// Records the heartbeat of a node. Reconciles the sessions that the node holds, if some of
    /// them lapsed with it, or if the end of its draining makes them lapse sooner.
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

    /// Ends the snapshot of a store shard. Sessions that the snapshot lacked become unconfirmed;
    /// those of this process are returned, to be written again.
    pub fn synced(&self, shard: u16, now: Timestamp) -> Rewrites {
        let mut rewrites = Rewrites::new();
        let delivered = self.watch.current();
        self.walk(now, |locked, at, reconciler| {
            let slot = &mut locked.slots[at];
            if slot.shard != shard || slot.stored == delivered {
                return;
            }
            if slot.has(flag::TRACKED) && slot.state.is_live() {
                rewrites.push(slot.key());
            }
            if slot.stored.is_stored() {
                self.note_missing(locked, at, reconciler);
            }
        });
        rewrites
    }

    /// Marks sessions as confirmed, after the store accepted a put or touch of them.
    pub fn confirm<'a>(&self, keys: impl IntoIterator<Item = (&'a UserId, &'a SessionId)>, now: Timestamp) {
        for (user, id) in keys {
            self.under_lock(user, now, |locked, hash, reconciler| {
                let Some(at) = locked.find(hash, user, id) else { return };
                if locked.note_stored(at, self.watch.delivers()) {
                    locked.reconcile_at(at, reconciler);
                }
            });
        }
    }
}
