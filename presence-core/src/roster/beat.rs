//! What this process itself says of sessions: beats, leaves, declarations, and taking them back.

use super::settle::{Settling, Standing};
use super::shard::Shard;
use super::slot::{Placed, Slot, flag};
use super::{Full, Roster};
use crate::liveness::Liveness;
use crate::model::{
    Activity, Beat, Declared, Departure, Leave, MAX_SESSIONS_PER_USER, Message, NodeId, Session, SessionKey,
    Status, Topics, UserId,
};
use crate::store::Touch;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the store is to be told of what has just been entered here.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A renewal.
    Touch {
        /// The new times.
        touch: Touch,
        /// The placement that the session has.
        placed_at: Timestamp,
    },
    /// A change, and what must be restored if the store refuses it.
    Put {
        /// The session as it is now, and any that had to make room for it.
        sessions: Vec<Session>,
        /// How to take it back.
        undo: Box<Undo>,
    },
    /// Nothing now: it renews what was renewed less than a quarter of its window ago. The next sweep that finds it
    /// due tells the store.
    Postponed {
        /// The placement that the session has.
        placed_at: Timestamp,
    },
    /// Nothing at all: the beat was late, or there was nothing to leave.
    Nothing,
}

/// What a session was before a change, so that a refused change can be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    key: SessionKey,
    /// The change that is to be taken back; a later one stays.
    placed_at: Timestamp,
    before: Option<Session>,
}

/// What stands behind a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Itself: the session lives by its own beats.
    Beat,
    /// A connection of this process: the session lives with the process.
    Connection,
    /// A declaration of a session that is not known: no beat at all.
    Declaration,
}

impl Roster {
    /// Enters a beat, and answers what the store is to be told.
    ///
    /// `shard` is the store's shard of the user.
    ///
    /// # Errors
    /// [`Full`] when the session is new and there is no room; nothing has been touched then.
    pub fn beat(&self, beat: &Beat, by: By, shard: u16, now: Timestamp) -> Result<Told, Full> {
        let (lock, hash) = self.shard_of(&beat.user);
        // Nearly every beat only renews, and needs neither the proven clocks nor anything but its own slot.
        let stamp = self.stamp(now);
        {
            let mut locked = lock.lock();
            if let Some(told) = locked.renew(hash, beat, by, &self.settings.policy, stamp, now) {
                return Ok(told);
            }
        }
        self.under_lock(&beat.user, now, |locked, hash, settling| {
            self.enter(locked, hash, beat, by, shard, settling)
        })
    }

    /// Enters a declaration; a session that is not known comes to be by it, without a beat.
    ///
    /// # Errors
    /// As for [`Roster::beat`].
    pub fn declare(
        &self,
        key: &SessionKey,
        (status, message, until): (Status, Option<Message>, Option<Timestamp>),
        shard: u16,
        now: Timestamp,
    ) -> Result<Told, Full> {
        let declares = Some((status, message, until));
        let beat = Beat { declares, ..Beat::renew(key.user.clone(), key.id.clone()) };
        self.under_lock(&key.user, now, |locked, hash, settling| {
            if let Some(at) = locked.find(hash, &key.user, &key.id) {
                let head = locked.head(hash, &key.user).unwrap_or(at);
                let before = locked.standing(Some(head));
                let (stamp, slot) = (settling.times.stamp, &mut locked.slots[at]);
                let undo = Undo { key: key.clone(), placed_at: slot.placed_at, before: Some(slot.session()) };
                if !slot.declare(&beat, stamp) {
                    return Ok(Told::Postponed { placed_at: slot.placed_at });
                }
                slot.set(flag::OWN, true);
                locked.settle(head, &before, settling);
                return Ok(Told::Put { sessions: vec![locked.slots[at].session()], undo: Box::new(undo) });
            }
            self.enter(locked, hash, &beat, By::Declaration, shard, settling)
        })
    }

    fn enter(
        &self,
        locked: &mut Shard,
        hash: u32,
        beat: &Beat,
        by: By,
        shard: u16,
        settling: &Settling<'_>,
    ) -> Result<Told, Full> {
        let stamp = settling.times.stamp;
        let here = by == By::Connection;
        let head = locked.head(hash, &beat.user);
        let known = head.and_then(|head| locked.chain(head).find(|&at| locked.slots[at].id == beat.session));
        let before = locked.standing(head);
        let Some(at) = known else {
            if self.len() >= self.settings.max_sessions {
                return Err(Full);
            }
            let mut sessions = self.make_room(locked, hash, &beat.user, settling);
            let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
            let placed = self.placed(beat, None, stamp, here);
            let undo = Undo { key: key.clone(), placed_at: placed.placed_at, before: None };
            let mut slot = Slot::new(key, shard, placed);
            slot.flags |= flag::OWN | if here { flag::HERE } else { 0 };
            slot.flags |= if settling.times.is_proven { 0 } else { flag::OWN_TIME };
            if by != By::Declaration {
                slot.seen_at = stamp;
                slot.active_at = activity(beat.activity, stamp).unwrap_or(stamp);
            }
            slot.declare(beat, stamp);
            self.sessions.fetch_add(1, Ordering::Relaxed);
            let at = locked.insert(hash, slot);
            let head = locked.head(hash, &beat.user).unwrap_or(at);
            locked.settle(head, &before, settling);
            sessions.insert(0, locked.slots[at].session());
            return Ok(Told::Put { sessions, undo: Box::new(undo) });
        };
        let slot = &mut locked.slots[at];
        if let Some(left) = slot.left.as_deref()
            && !beat.enters
            && !here
            && stamp < left.at + settling.policy.grace
        {
            return Ok(Told::Nothing);
        }
        let undo = Undo { key: slot.key(), placed_at: slot.placed_at, before: Some(slot.session()) };
        let moves = beat.enters
            || slot.left.is_some()
            // The connection that was heard last is the one that holds it.
            || here && !(slot.has(flag::HELD) && slot.node.id == *self.node())
            || beat.topics.as_ref().is_some_and(|topics| *topics != slot.topic_list())
            || beat.lease.is_some_and(|lease| lease != slot.lease())
            || beat.meta.is_some() && beat.meta != slot.meta;
        if moves {
            let placed = self.placed(beat, Some(slot), stamp, here);
            slot.place(placed);
        }
        let declares = slot.declare(beat, stamp);
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = slot.active_at.max(activity(beat.activity, stamp).unwrap_or_default());
        slot.set(flag::OWED, false);
        slot.set(flag::OWN, true);
        slot.set(flag::HERE, here || slot.has(flag::HERE));
        let undo = Undo { placed_at: slot.placed_at, ..undo };
        let touch = slot.touch();
        let head = head.unwrap_or(at);
        locked.settle(head, &before, settling);
        let slot = &locked.slots[at];
        if moves || declares {
            Ok(Told::Put { sessions: vec![slot.session()], undo: Box::new(undo) })
        } else {
            Ok(Told::Touch { touch, placed_at: slot.placed_at })
        }
    }

    /// The placement that a beat makes, with what it does not say taken from the one before.
    fn placed(&self, beat: &Beat, before: Option<&Slot>, stamp: Timestamp, here: bool) -> Placed {
        let policy = &self.settings.policy;
        // Who enters says all anew; who renews goes on as before.
        let kept = before.filter(|_| !beat.enters);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(slot)) => slot.topic_list(),
            (None, None) => Topics::NONE,
        };
        let held = here || kept.is_some_and(|slot| slot.has(flag::HELD) && slot.left.is_none());
        let lease = beat.lease.unwrap_or(if held { policy.held_for } else { policy.lease_for });
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
            lease: lease.clamp(Duration::from_millis(1), crate::Policy::MAX_LEASE),
            stays: self.topics.stays(&topics),
            meta: beat.meta.clone().or_else(|| kept.and_then(|slot| slot.meta.clone())),
        }
    }

    /// Makes room for another session of a user who has as many as one may have: the one seen longest ago goes, gone
    /// ones first. Answers what the store is to be told of it.
    fn make_room(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        settling: &Settling<'_>,
    ) -> Vec<Session> {
        let Some(head) = locked.head(hash, user) else { return Vec::new() };
        let sessions: Vec<u32> = locked.chain(head).collect();
        if sessions.len() < MAX_SESSIONS_PER_USER {
            return Vec::new();
        }
        let order = |&at: &u32| (locked.slots[at].state.is_live(), locked.slots[at].last_seen());
        let Some(oldest) = sessions.iter().copied().min_by_key(order) else { return Vec::new() };
        let stamp = settling.times.stamp;
        let before = locked.standing(Some(head));
        locked.slots[oldest].left = Some(Box::new(Departure { at: stamp, ends_at: stamp }));
        let gone = locked.slots[oldest].session();
        locked.settle(head, &before, settling);
        self.drop_session(locked, hash, oldest);
        vec![gone]
    }

    /// Ends a session, or its stay in some topics, and answers what the store is to be told.
    pub fn leave(&self, leave: &Leave, now: Timestamp) -> Told {
        self.depart(&leave.key, now, |slot, stamp, policy| {
            if leave.placed_at.is_some_and(|seen| slot.placed_at > seen) {
                return None;
            }
            let grace = if leave.at_once { Duration::ZERO } else { policy.grace };
            Some(slot.departed(leave.topics.as_deref(), stamp, grace))
        })
    }

    /// Ends a session whose connection to this process has dropped, unless it is placed elsewhere by now.
    pub fn drop_held(&self, key: &SessionKey, grace: Duration, now: Timestamp) -> Told {
        let draining = self.draining.load(Ordering::Acquire);
        self.depart(key, now, |slot, stamp, _| {
            slot.set(flag::HERE, false);
            let mine = slot.has(flag::HELD) && slot.node.id == *self.node();
            // Whoever drains has said how long its sessions live on.
            (mine && !draining).then(|| slot.departed(None, stamp, grace))
        })
    }

    /// Applies what `decide` makes of a session that has not left yet.
    fn depart(
        &self,
        key: &SessionKey,
        now: Timestamp,
        decide: impl FnOnce(&mut Slot, Timestamp, &crate::Policy) -> Option<Departed>,
    ) -> Told {
        self.under_lock(&key.user, now, |locked, hash, settling| {
            let Some(at) = locked.find(hash, &key.user, &key.id) else { return Told::Nothing };
            let head = locked.head(hash, &key.user);
            let before = locked.standing(head);
            let slot = &mut locked.slots[at];
            let old = slot.session();
            match decide(slot, settling.times.stamp, settling.policy) {
                None | Some(Departed::Already) => return Told::Nothing,
                Some(Departed::Wholly(left)) => slot.left = Some(Box::new(left)),
                Some(Departed::Partly(topics)) => {
                    slot.placed_at = settling.times.stamp.max(slot.placed_at + Duration::from_millis(1));
                    slot.stays = self.topics.stays(&topics);
                }
            }
            let undo = Undo { key: key.clone(), placed_at: slot.placed_at, before: Some(old) };
            locked.settle(head.unwrap_or(at), &before, settling);
            Told::Put { sessions: vec![locked.slots[at].session()], undo: Box::new(undo) }
        })
    }

    /// Takes back a change that the store has refused, unless another one has come since.
    pub fn undo(&self, undo: &Undo, now: Timestamp) {
        self.under_lock(&undo.key.user, now, |locked, hash, settling| {
            let Some(at) = locked.find(hash, &undo.key.user, &undo.key.id) else { return };
            let head = locked.head(hash, &undo.key.user).unwrap_or(at);
            let before = locked.standing(Some(head));
            if locked.slots[at].placed_at != undo.placed_at {
                return;
            }
            match &undo.before {
                Some(old) => {
                    let placed = self.placed_as(old);
                    let slot = &mut locked.slots[at];
                    slot.place(placed);
                    slot.declared = old.declared.clone().map(Box::new);
                    (slot.seen_at, slot.active_at) = (old.seen_at, old.active_at);
                    locked.settle(head, &before, settling);
                }
                None => self.settle_out(locked, hash, at, &before, settling),
            }
        });
    }

    /// The placement of a session, its names looked up.
    pub(super) fn placed_as(&self, session: &Session) -> Placed {
        let placement = &session.placement;
        Placed {
            placed_at: placement.placed_at,
            left: placement.left,
            node: self.node_of(&placement.node),
            held: placement.held,
            lease: placement.lease,
            stays: self.topics.stays(&placement.topics),
            meta: placement.meta.clone(),
        }
    }

    fn node_of(&self, id: &NodeId) -> Arc<super::nodes::NodeState> {
        if *id == self.settings.node { Arc::clone(&self.me) } else { self.nodes.of(id) }
    }

    /// Takes a session out, whatever it was, and tells who saw it.
    pub(super) fn settle_out(
        &self,
        locked: &mut Shard,
        hash: u32,
        at: u32,
        before: &Standing,
        settling: &Settling<'_>,
    ) {
        let user = locked.slots[at].user.clone();
        // As departed it settles as gone; its place in the chain may be the only one.
        locked.slots[at].left = Some(Box::new(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        let head = locked.head(hash, &user).unwrap_or(at);
        locked.settle(head, before, settling);
        self.drop_session(locked, hash, at);
    }
}

/// What a leave makes of a session.
enum Departed {
    Wholly(Departure),
    Partly(Topics),
    Already,
}

impl Slot {
    fn departed(&self, topics: Option<&[crate::Topic]>, stamp: Timestamp, grace: Duration) -> Departed {
        let ends_at = stamp + grace;
        if let Some(left) = self.left.as_deref() {
            // A second leave counts only if it ends sooner: one that says *now* after one that waits.
            let sooner = ends_at < left.ends_at && topics.is_none();
            return if sooner {
                Departed::Wholly(Departure { at: stamp, ends_at })
            } else {
                Departed::Already
            };
        }
        let whole = Departed::Wholly(Departure { at: stamp, ends_at });
        let Some(leaving) = topics else { return whole };
        let stays: Vec<_> = self.topics().filter(|(_, until)| until.is_none()).collect();
        let stays_on = |topic| !leaving.contains(topic);
        if !stays.iter().any(|(topic, _)| leaving.contains(topic)) {
            return Departed::Already;
        }
        if !stays.iter().any(|(topic, _)| stays_on(topic)) {
            return whole;
        }
        Departed::Partly(self.topic_list().leaving(leaving, ends_at))
    }

    /// Takes over what a beat declares; answers whether that is news.
    fn declare(&mut self, beat: &Beat, stamp: Timestamp) -> bool {
        let Some((status, message, until)) = &beat.declares else { return false };
        let known = self.declared.as_deref();
        if known
            .is_some_and(|known| (known.status, &known.message, known.until) == (*status, message, *until))
        {
            return false;
        }
        let at = known.map_or(stamp, |known| stamp.max(known.at + Duration::from_millis(1)));
        let (status, message, until) = (*status, message.clone(), *until);
        self.declared = Some(Box::new(Declared { at, status, message, until }));
        true
    }

    pub(super) fn touch(&self) -> Touch {
        let (user, id) = (self.user.clone(), self.id.clone());
        Touch::Session { user, id, seen_at: self.seen_at, active_at: self.active_at }
    }
}

impl Shard {
    /// Takes a beat that does nothing but renew a session which shows the same afterwards; `None` if it is not one.
    fn renew(
        &mut self,
        hash: u32,
        beat: &Beat,
        by: By,
        policy: &crate::Policy,
        stamp: Timestamp,
        now: Timestamp,
    ) -> Option<Told> {
        if beat.enters || beat.declares.is_some() || beat.meta.is_some() || beat.lease.is_some() {
            return None;
        }
        let at = self.find(hash, &beat.user, &beat.session)?;
        let slot = &mut self.slots[at];
        if slot.left.is_some()
            || slot.has(flag::UNCONFIRMED)
            || (by == By::Connection && !slot.has(flag::HERE))
        {
            return None;
        }
        if beat.topics.as_ref().is_some_and(|topics| *topics != slot.topic_list()) {
            return None;
        }
        let active_at = activity(beat.activity, stamp).unwrap_or_default().max(slot.active_at);
        match slot.state {
            Liveness::Gone => return None,
            Liveness::Idle if active_at > slot.active_at => return None,
            Liveness::Idle | Liveness::Active => {}
        }
        // The node speaks for the life of a held session; only its activity is its own to tell.
        let life = if slot.has(flag::HELD) { Duration::MAX } else { slot.lease() / 4 };
        let is_fresh = |then: Timestamp, window| stamp.since(then) < window || stamp <= then;
        let fresh = is_fresh(slot.seen_at, life)
            && (active_at == slot.active_at || active_at.since(slot.active_at) < policy.active_for / 4);
        let seen_before = slot.seen_at;
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = active_at;
        slot.flags |= flag::OWN;
        let placed_at = slot.placed_at;
        if !fresh {
            slot.set(flag::OWED, false);
            return Some(Told::Touch { touch: slot.touch(), placed_at });
        }
        if !slot.has(flag::OWED) {
            slot.set(flag::OWED, true);
            let due_in = life.min(policy.active_for / 4).saturating_sub(stamp.since(seen_before));
            self.look_in(at, now, due_in);
        }
        Some(Told::Postponed { placed_at })
    }
}

/// When the user was last active, by what a beat says.
fn activity(activity: Activity, stamp: Timestamp) -> Option<Timestamp> {
    match activity {
        Activity::Unknown => None,
        Activity::Now => Some(stamp),
        Activity::Ago(ago) => Some(stamp - ago),
        Activity::At(at) => Some(at.min(stamp)),
    }
}
