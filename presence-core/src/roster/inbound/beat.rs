//! Heartbeats that enter or change a session. Those that only renew one are in
//! [`renew`](super::renew).

use crate::model::{Beat, BeatKind, MAX_SESSIONS_PER_USER, Session, SessionKey, UserId};
use crate::roster::inbound::renew::activity;
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::cost::{Bound, Need};
use crate::roster::sessions::shard::{Found, Shard};
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{Refused, Rollback, Roster, Settings, StoreWrite};
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Where a heartbeat comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeatSource {
    /// The session's client sent it: the session stays alive by its own heartbeats.
    Beat,
    /// A connection of this process: the session stays alive as long as the process holds it.
    Connection,
    /// A declaration for an unknown session: it enters the session, but does not count
    /// as a heartbeat.
    Declaration,
}

impl Roster {
    /// Records a heartbeat; returns what to write to the store.
    ///
    /// `shard` is the store's shard of the user.
    ///
    /// # Errors
    /// [`Refused::Full`] if the session is new or grows and there is no room,
    /// [`Refused::TooManyTopics`] if the user would have too many memberships, [`Refused::Blocked`]
    /// if the user or session is blocked; the roster is unchanged then. A renewal of a live session
    /// is never refused for lack of room.
    pub fn beat(
        &self,
        beat: &Beat,
        by: BeatSource,
        shard: u16,
        now: Timestamp,
    ) -> Result<StoreWrite, Refused> {
        let (lock, hash) = self.shard_of(&beat.user);
        let mut locked = lock.lock();
        let found = locked.look_up(hash, &beat.user, &beat.session);
        // Fast path: nearly every heartbeat only renews its session, which needs only the session's
        // slot and no proven clocks. The stamp time is read under the lock: once a session was
        // converted to the store's time, it must not get a stamp by the process's own time.
        if let Some(at) = found.at
            && let Some(store_write) = locked.renew(at, beat, by, &self.settings.policy, self.stamp(now), now)
        {
            return Ok(store_write);
        }
        self.reconciling(locked, now, |locked, reconciler| {
            self.enter(locked, found, beat, by, shard, reconciler)
        })
    }

    // Enters a session, or changes the one that was found, in three steps. First checks that the
    // user is not blocked and that there is room. Then builds the new slot, or changes placement,
    // declaration and times of the known one. Last reconciles, which derives joins and leaves from
    // the user's state before and after.
    //
    // The result is a put if anything but times changed, or if the session was gone; else a touch.
    //
    // Not inlined, so that a renewal does not pay for the stack frame that this needs.
    #[inline(never)]
    pub(crate) fn enter(
        &self,
        locked: &mut Shard,
        Found { hash, head, at: known }: Found,
        beat: &Beat,
        by: BeatSource,
        shard: u16,
        reconciler: &Reconciler<'_>,
    ) -> Result<StoreWrite, Refused> {
        Self::admit(locked, (&beat.user, &beat.session), shard, reconciler)?;
        let stamp = reconciler.times.stamp;
        let here = by == BeatSource::Connection;
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
            // Taken after room was made, since evicting a session is a transition of its own.
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
            let slot = &locked.slots[at];
            sessions.insert(0, slot.session());
            return Ok(StoreWrite::Put { sessions, roll_back: Box::new(Rollback::of(slot, None)) });
        };
        let before = locked.user_state(head, [at]);
        let slot = &mut locked.slots[at];
        if let Some(left) = slot.left()
            && beat.kind == BeatKind::Renew
            && !here
            && stamp < left.at + reconciler.policy.grace
        {
            return Ok(StoreWrite::Nothing);
        }
        let moves = beat.kind == BeatKind::Enter
            || slot.has(flag::LEFT)
            // The connection that sent the last heartbeat holds the session.
            || here && !(slot.has(flag::HELD) && slot.node.id == *self.node())
            || beat.topics.as_ref().is_some_and(|topics| !slot.is_in(topics))
            || self.changes_lease(beat, slot)
            || beat.meta.is_some() && beat.meta.as_ref() != slot.meta();
        // A lapsed session is put, not touched: other processes may have dropped it, and a touch
        // does not contain enough to recreate it.
        let revives = !slot.state.is_live();
        let old = (moves || revives || beat.declares.is_some()).then(|| slot.session());
        if moves {
            let placed = self.placed(beat, Some(slot), here, reconciler);
            slot.place(placed);
        }
        let declares = slot.declare(beat, stamp);
        // The first heartbeat of a session counts as activity unless it says otherwise, even if a
        // declaration entered the session before.
        let default_activity = if slot.seen_at == Timestamp::ZERO { stamp } else { Timestamp::ZERO };
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = slot.active_at.max(activity(beat.activity, stamp).unwrap_or(default_activity));
        slot.set(flag::TOUCH_DUE, false);
        slot.set(flag::TRACKED, true);
        slot.set(flag::HELD_HERE, here || slot.has(flag::HELD_HERE));
        locked.reconcile(head.unwrap_or(at), before, reconciler);
        let slot = &locked.slots[at];
        Ok(if moves || revives || declares { slot.store_write(old) } else { slot.touch() })
    }

    /// Refuses a heartbeat if the roster has no room for it.
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

    /// Refuses a heartbeat that adds memberships to its session, if its user would then
    /// have too many.
    fn admit_topics(
        &self,
        locked: &Shard,
        head: u32,
        known: Option<u32>,
        beat: &Beat,
        reconciler: &Reconciler<'_>,
    ) -> Result<(), Refused> {
        let slot = known.map(|at| &locked.slots[at]);
        let own = slot.map_or(0, |slot| slot.current_topics().count());
        let wanted = match (&beat.topics, slot) {
            (Some(topics), _) => topics.len(),
            // A lapsed session that is renewed returns to its topics.
            (None, Some(slot)) if beat.kind == BeatKind::Renew && !slot.state.is_live() => {
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

    /// Makes room for another session of a user who has reached the limit: the live sessions seen
    /// longest ago leave. Returns them, to be written to the store.
    ///
    /// Gone sessions are kept for a while, since the store's echo of their leave would enter them
    /// again. A user has at most [`MAX_SESSIONS_PER_USER`] of those as well; beyond that, the
    /// sessions gone longest are forgotten.
    fn make_room(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        reconciler: &Reconciler<'_>,
    ) -> Vec<Session> {
        let mut evicted = Vec::new();
        while let Some(head) = locked.head(hash, user)
            && locked.live(head).0 >= MAX_SESSIONS_PER_USER
            && let Some(at) = locked.oldest_live(head)
        {
            let before = locked.user_state(Some(head), [at]);
            let slot = &mut locked.slots[at];
            slot.set_left(Some(slot.departs(reconciler.times.stamp, Duration::ZERO)));
            locked.reconcile(head, before, reconciler);
            evicted.push(locked.slots[at].session());
        }
        while let Some(head) = locked.head(hash, user)
            && let Some(at) =
                locked.indexes(head).and_then(|indexes| indexes.oldest_gone(MAX_SESSIONS_PER_USER))
        {
            locked.surrender(locked.slots[at].seen());
            self.drop_session(locked, at);
        }
        evicted
    }
}
