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
        /// Whether the store's answer would be the first sign that it has the session: see [`Roster::confirm`].
        confirms: bool,
    },
    /// A change, and what must be restored if the store refuses it.
    Put {
        /// The session as it is now, and any that had to make room for it.
        sessions: Vec<Session>,
        /// How to take it back.
        undo: Undo,
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
    /// `None` if it was not known.
    before: Option<Box<Session>>,
    /// What the change made of it: of this is taken back what is still so; what came later stays.
    after: Box<Session>,
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
                let old = slot.session();
                if !slot.declare(&beat, stamp) {
                    return Ok(Told::Postponed { placed_at: slot.placed_at });
                }
                slot.set(flag::OWN, true);
                locked.settle(head, &before, settling);
                return Ok(locked.slots[at].told(Some(old)));
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
        let Some(at) = known else {
            if self.len() >= self.settings.max_sessions {
                return Err(Full);
            }
            let mut sessions = self.make_room(locked, hash, &beat.user, settling);
            // Only now: making room was a step of its own.
            let before = locked.standing(locked.head(hash, &beat.user));
            let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
            let placed = self.placed(beat, None, stamp, here);
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
            let session = locked.slots[at].session();
            sessions.insert(0, session.clone());
            return Ok(Told::Put { sessions, undo: Undo { before: None, after: Box::new(session) } });
        };
        let before = locked.standing(head);
        let slot = &mut locked.slots[at];
        if let Some(left) = slot.left()
            && !beat.enters
            && !here
            && stamp < left.at + settling.policy.grace
        {
            return Ok(Told::Nothing);
        }
        let moves = beat.enters
            || slot.has(flag::LEFT)
            // The connection that was heard last is the one that holds it.
            || here && !(slot.has(flag::HELD) && slot.node.id == *self.node())
            || beat.topics.as_ref().is_some_and(|topics| *topics != slot.topic_list())
            || beat.lease.is_some_and(|lease| lease != slot.lease())
            || beat.meta.is_some() && beat.meta.as_ref() != slot.meta();
        let old = (moves || beat.declares.is_some()).then(|| slot.session());
        if moves {
            let placed = self.placed(beat, Some(slot), stamp, here);
            slot.place(placed);
        }
        let declares = slot.declare(beat, stamp);
        // A session's first beat is activity, unless it says otherwise; also of one that only ever declared.
        let unsaid = if slot.seen_at == Timestamp::ZERO { stamp } else { Timestamp::ZERO };
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = slot.active_at.max(activity(beat.activity, stamp).unwrap_or(unsaid));
        slot.set(flag::OWED, false);
        slot.set(flag::OWN, true);
        slot.set(flag::HERE, here || slot.has(flag::HERE));
        let touch = slot.touch();
        let head = head.unwrap_or(at);
        locked.settle(head, &before, settling);
        let slot = &locked.slots[at];
        if moves || declares {
            Ok(slot.told(old))
        } else {
            let confirms = slot.flags & (flag::CONFIRMED | flag::UNCONFIRMED) != flag::CONFIRMED;
            Ok(Told::Touch { touch, placed_at: slot.placed_at, confirms })
        }
    }

    /// The placement that a beat makes, with what it does not say taken from the one before.
    fn placed(&self, beat: &Beat, before: Option<&Slot>, stamp: Timestamp, here: bool) -> Placed {
        let policy = &self.settings.policy;
        // Who enters says all anew; who renews goes on as before.
        let kept = before.filter(|_| !beat.enters);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(slot)) => slot.lasting_topics(),
            (None, None) => Topics::NONE,
        };
        // What a connection of this very process holds it goes on holding, whoever beats beside it.
        let here = here || before.is_some_and(|slot| slot.has(flag::HERE));
        let held = here || kept.is_some_and(|slot| slot.has(flag::HELD) && !slot.has(flag::LEFT));
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
            meta: beat.meta.clone().or_else(|| kept.and_then(|slot| slot.meta().cloned())),
        }
    }

    /// Makes room for another session of a user: of the live ones, those seen longest ago leave. Answers what the store
    /// is to be told of them.
    ///
    /// Gone ones stay, since the store's echo of their leave would only bring them back; of these, too, there are not
    /// more than a user may have live ones: what exceeds them is forgotten.
    fn make_room(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        settling: &Settling<'_>,
    ) -> Vec<Session> {
        let Some(head) = locked.head(hash, user) else { return Vec::new() };
        let mut sessions: Vec<u32> = locked.chain(head).collect();
        if sessions.len() < MAX_SESSIONS_PER_USER {
            return Vec::new();
        }
        sessions.sort_by_key(|&at| (locked.slots[at].last_seen(), locked.slots[at].placed_at));
        let (live, gone): (Vec<u32>, Vec<u32>) =
            sessions.into_iter().partition(|&at| locked.slots[at].state.is_live());
        let leaving = &live[..(live.len() + 1).saturating_sub(MAX_SESSIONS_PER_USER)];
        let before = locked.standing(Some(head));
        for &at in leaving {
            let slot = &mut locked.slots[at];
            slot.end(Some(slot.departs(settling.times.stamp, Duration::ZERO)));
        }
        if !leaving.is_empty() {
            locked.settle(head, &before, settling);
        }
        let told = leaving.iter().map(|&at| locked.slots[at].session()).collect();
        for &at in &gone[..(gone.len() + leaving.len()).saturating_sub(MAX_SESSIONS_PER_USER).min(gone.len())]
        {
            locked.surplus.push(locked.slots[at].seen());
            self.drop_session(locked, at);
        }
        told
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
                Some(Departed::Wholly(left)) => slot.end(Some(left)),
                Some(Departed::Partly(topics)) => {
                    slot.placed_at = settling.times.stamp.max(slot.placed_at + Duration::from_millis(1));
                    slot.stays = self.topics.stays(&topics);
                }
            }
            locked.settle(head.unwrap_or(at), &before, settling);
            locked.slots[at].told(Some(old))
        })
    }

    /// Takes back a change that the store has refused; what has come since stays.
    pub fn undo(&self, Undo { before, after }: &Undo, now: Timestamp) {
        self.under_lock(&after.user, now, |locked, hash, settling| {
            let Some(at) = locked.find(hash, &after.user, &after.id) else { return };
            let head = locked.head(hash, &after.user).unwrap_or(at);
            let standing = locked.standing(Some(head));
            let is_so = locked.slots[at].placement() == after.placement;
            match before {
                Some(old) => {
                    let placed = is_so.then(|| self.placed_as(old));
                    let slot = &mut locked.slots[at];
                    if let Some(placed) = placed {
                        slot.place(placed);
                    }
                    if slot.declared() == after.declared.as_ref() {
                        slot.say(old.declared.clone());
                    }
                    if (slot.seen_at, slot.active_at) == (after.seen_at, after.active_at) {
                        (slot.seen_at, slot.active_at) = (old.seen_at, old.active_at);
                    }
                    locked.settle(head, &standing, settling);
                }
                None if is_so => self.settle_out(locked, hash, at, &standing, settling),
                None => {}
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
        locked.slots[at].end(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        let head = locked.head(hash, &user).unwrap_or(at);
        locked.settle(head, before, settling);
        self.drop_session(locked, at);
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
    fn departs(&self, stamp: Timestamp, grace: Duration) -> Departure {
        let at = self.left().map_or(stamp, |left| stamp.max(left.at + Duration::from_millis(1)));
        Departure { at, ends_at: at + grace }
    }

    fn departed(&self, topics: Option<&[crate::Topic]>, stamp: Timestamp, grace: Duration) -> Departed {
        let departure = self.departs(stamp, grace);
        let whole = Departed::Wholly(departure);
        if let Some(left) = self.left() {
            // A second leave counts only if it ends sooner: one that says *now* after one that waits.
            let sooner = departure.ends_at < left.ends_at && topics.is_none();
            return if sooner { whole } else { Departed::Already };
        }
        let Some(leaving) = topics else { return whole };
        let stays: Vec<_> = self.topics().filter(|(_, until)| until.is_none()).collect();
        let stays_on = |topic| !leaving.contains(topic);
        if !stays.iter().any(|(topic, _)| leaving.contains(topic)) {
            return Departed::Already;
        }
        if !stays.iter().any(|(topic, _)| stays_on(topic)) {
            return whole;
        }
        Departed::Partly(self.lasting_topics().leaving(leaving, departure.ends_at))
    }

    /// Takes over what a beat declares; answers whether that is news.
    fn declare(&mut self, beat: &Beat, stamp: Timestamp) -> bool {
        let Some((status, message, until)) = &beat.declares else { return false };
        let known = self.declared();
        let same =
            |known: &Declared| (known.status, &known.message, known.until) == (*status, message, *until);
        // A session that never beats lives by what it declares: saying it again renews it.
        let renews = |known: &Declared| {
            self.seen_at == Timestamp::ZERO && until.is_none() && stamp.since(known.at) >= self.lease() / 4
        };
        if known.is_some_and(|known| same(known) && !renews(known)) {
            return false;
        }
        let at = known.map_or(stamp, |known| stamp.max(known.at + Duration::from_millis(1)));
        let (status, message, until) = (*status, message.clone(), *until);
        self.say(Some(Declared { at, status, message, until }));
        true
    }

    /// What is told of a change, and how it is taken back.
    fn told(&self, before: Option<Session>) -> Told {
        let (before, after) = (before.map(Box::new), self.session());
        Told::Put { sessions: vec![after.clone()], undo: Undo { before, after: Box::new(after) } }
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
        if slot.has(flag::LEFT)
            || slot.has(flag::UNCONFIRMED)
            || (by == By::Connection && !slot.has(flag::HERE))
            // Only ever declared: its first beat changes by what it is judged.
            || slot.seen_at == Timestamp::ZERO
        {
            return None;
        }
        if beat.topics.as_ref().is_some_and(|topics| *topics != slot.topic_list()) {
            return None;
        }
        let active_at = activity(beat.activity, stamp).unwrap_or_default().max(slot.active_at);
        match slot.state {
            Liveness::Gone => return None,
            // Activity that was told of before it was seen counts from now on.
            Liveness::Idle if active_at > slot.active_at.min(slot.seen_at) => return None,
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
            return Some(Told::Touch {
                touch: slot.touch(),
                placed_at,
                confirms: !slot.has(flag::CONFIRMED),
            });
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
