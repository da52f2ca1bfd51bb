//! Beats: what they enter, and what they change.

use crate::model::{Beat, MAX_SESSIONS_PER_USER, Session, SessionKey, UserId};
use crate::roster::inbound::renew::activity;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::cost::{Bound, Need};
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{Refused, Rollback, Roster, Settings, StoreWrite};
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What stands behind a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeatSource {
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
    /// [`Refused::Full`] when the session is new, or grows, and there is no room,
    /// [`Refused::TooManyTopics`] when it would be in more topics than the user may,
    /// [`Refused::Blocked`] when it is kept away; nothing has been touched then. A renewal of a
    /// live session is never refused for want of room.
    pub fn beat(
        &self,
        beat: &Beat,
        by: BeatSource,
        shard: u16,
        now: Timestamp,
    ) -> Result<StoreWrite, Refused> {
        let (lock, hash) = self.shard_of(&beat.user);
        // Nearly every beat only renews, and needs neither the proven clocks nor anything but its
        // own slot.
        {
            let mut locked = lock.lock();
            // Only now: once the store's time is known, no other stamp must meet a session that was
            // moved to it.
            let stamp = self.stamp(now);
            if let Some(store_write) = locked.renew(hash, beat, by, &self.settings.policy, stamp, now) {
                return Ok(store_write);
            }
        }
        self.under_lock(&beat.user, now, |locked, hash, reconciler| {
            self.enter(locked, hash, beat, by, shard, reconciler)
        })
    }

    pub(crate) fn enter(
        &self,
        locked: &mut Shard,
        hash: u32,
        beat: &Beat,
        by: BeatSource,
        shard: u16,
        reconciler: &Reconciler<'_>,
    ) -> Result<StoreWrite, Refused> {
        Self::admit(locked, (&beat.user, &beat.session), shard, reconciler)?;
        let stamp = reconciler.times.stamp;
        let here = by == BeatSource::Connection;
        let head = locked.head(hash, &beat.user);
        let known = head.and_then(|head| locked.find_from(head, &beat.session));
        let known = known.inspect(|&at| locked.move_to_store_time(hash, at, reconciler));
        if let Some(head) = head {
            self.admit_topics(locked, head, known, beat, reconciler)?;
        } else if beat.topics.as_ref().is_some_and(|topics| topics.len() > self.settings.max_topics_per_user)
        {
            return Err(Refused::TooManyTopics);
        }
        self.admit_need(&Need::of(beat, known.map(|at| &locked.slots[at]), |topic| {
            self.topics.shows(topic)
        }))?;
        let Some(at) = known else {
            let mut sessions = self.make_room(locked, hash, &beat.user, reconciler);
            // Only now: making room was a step of its own.
            let before = locked.user_state(locked.head(hash, &beat.user), None);
            let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
            let placed = self.placed(beat, None, here, reconciler);
            let mut slot = Slot::new(key, shard, placed);
            slot.flags |= flag::TRACKED | if here { flag::HELD_HERE } else { 0 };
            slot.flags |= if reconciler.times.is_proven { 0 } else { flag::OWN_TIME };
            if by != BeatSource::Declaration {
                slot.seen_at = stamp;
                slot.active_at = activity(beat.activity, stamp).unwrap_or(stamp);
            }
            slot.declare(beat, stamp);
            self.sessions.fetch_add(1, Ordering::Relaxed);
            let at = locked.insert(hash, slot);
            locked.reconcile(locked.head_of(at), before.and_new(at), reconciler);
            let session = locked.slots[at].session();
            sessions.insert(0, session.clone());
            return Ok(StoreWrite::Put { sessions, roll_back: Rollback::new(None, session) });
        };
        let before = locked.user_state(head, [at]);
        let slot = &mut locked.slots[at];
        if let Some(left) = slot.left()
            && !beat.enters
            && !here
            && stamp < left.at + reconciler.policy.grace
        {
            return Ok(StoreWrite::Nothing);
        }
        let moves = beat.enters
            || slot.has(flag::LEFT)
            // The connection that was heard last is the one that holds it.
            || here && !(slot.has(flag::HELD) && slot.node.id == *self.node())
            || beat.topics.as_ref().is_some_and(|topics| !slot.is_in(topics))
            || self.changes_lease(beat, slot)
            || beat.meta.is_some() && beat.meta.as_ref() != slot.meta();
        // Whoever took a lapsed session for gone for good may have dropped it, and would not know
        // whom a touch renews.
        let revives = !slot.state.is_live();
        let old = (moves || revives || beat.declares.is_some()).then(|| slot.session());
        if moves {
            let placed = self.placed(beat, Some(slot), here, reconciler);
            slot.place(placed);
        }
        let declares = slot.declare(beat, stamp);
        // A session's first beat is activity, unless it says otherwise; also of one that only ever
        // declared.
        let unsaid = if slot.seen_at == Timestamp::ZERO { stamp } else { Timestamp::ZERO };
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = slot.active_at.max(activity(beat.activity, stamp).unwrap_or(unsaid));
        slot.set(flag::TOUCH_DUE, false);
        slot.set(flag::TRACKED, true);
        slot.set(flag::HELD_HERE, here || slot.has(flag::HELD_HERE));
        let touch = slot.touch();
        locked.reconcile(head.unwrap_or(at), before, reconciler);
        let slot = &locked.slots[at];
        if moves || revives || declares {
            Ok(slot.store_write(old))
        } else {
            let confirms = slot.flags & (flag::CONFIRMED | flag::UNCONFIRMED) != flag::CONFIRMED;
            Ok(StoreWrite::Touch { touch, placed_at: slot.placed_at, confirms })
        }
    }

    /// Refuses what there is no room for.
    pub(crate) fn admit_need(&self, need: &Need) -> Result<(), Refused> {
        let Settings { max_sessions, max_bytes, .. } = self.settings;
        let (bytes, shown_bytes) = self.shown.bytes(self.topics.bytes());
        let has_session = || Bound::beside(max_sessions).has_room(self.len(), self.shown_sessions(), 1);
        let has_bytes = || Bound::within(max_bytes).has_room(bytes, shown_bytes, need.bytes);
        if need.session && !has_session() || need.bytes > 0 && !has_bytes() {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// Refuses a beat by which a session would be in more topics than before, if its user would be
    /// in too many.
    fn admit_topics(
        &self,
        locked: &Shard,
        head: u32,
        known: Option<u32>,
        beat: &Beat,
        reconciler: &Reconciler<'_>,
    ) -> Result<(), Refused> {
        let slot = known.map(|at| &locked.slots[at]);
        let own = slot.map_or(0, |slot| slot.places().count());
        let wanted = match (&beat.topics, slot) {
            (Some(topics), _) => topics.len(),
            // It comes back to where it was.
            (None, Some(slot)) if !beat.enters && !slot.state.is_live() => {
                slot.lasting_topics(reconciler.times.now_of(slot)).len()
            }
            (None, _) => 0,
        };
        let all = locked.memberships(head) - own + wanted;
        if wanted > own && all > self.settings.max_topics_per_user {
            return Err(Refused::TooManyTopics);
        }
        Ok(())
    }

    /// Makes room for another session of a user: of the live ones, those seen longest ago leave.
    /// Answers what the store is to be told of them.
    ///
    /// Gone ones stay, since the store's echo of their leave would only bring them back; of these,
    /// too, there are not more than a user may have live ones: what exceeds them is forgotten, what
    /// went first before the others.
    fn make_room(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        reconciler: &Reconciler<'_>,
    ) -> Vec<Session> {
        let mut store_write = Vec::new();
        while let Some(head) = locked.head(hash, user)
            && locked.live(head).0 >= MAX_SESSIONS_PER_USER
            && let Some(at) = locked.oldest_live(head)
        {
            let before = locked.user_state(Some(head), [at]);
            let slot = &mut locked.slots[at];
            slot.end(Some(slot.departs(reconciler.times.stamp, Duration::ZERO)));
            locked.reconcile(head, before, reconciler);
            store_write.push(locked.slots[at].session());
        }
        while let Some(head) = locked.head(hash, user)
            && let Some(at) = locked.crowd(head).and_then(|crowd| crowd.oldest_gone(MAX_SESSIONS_PER_USER))
        {
            locked.surplus.push(locked.slots[at].seen());
            self.drop_session(locked, at);
        }
        store_write
    }
}
