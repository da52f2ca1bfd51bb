//! Beats: what they enter, and what they change.

use super::renew::activity;
use super::settle::Settling;
use super::shard::Shard;
use super::slot::{Slot, flag};
use super::{Refused, Roster, Told, Undo};
use crate::model::{Beat, MAX_SESSIONS_PER_USER, Session, SessionKey, UserId};
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// [`Refused::Full`] when the session is new and there is no room, [`Refused::Blocked`] when it is kept away; nothing has
    /// been touched then.
    pub fn beat(&self, beat: &Beat, by: By, shard: u16, now: Timestamp) -> Result<Told, Refused> {
        let (lock, hash) = self.shard_of(&beat.user);
        // Nearly every beat only renews, and needs neither the proven clocks nor anything but its own slot.
        {
            let mut locked = lock.lock();
            // Only now: once the store's time is known, no other stamp must meet a session that was moved to it.
            let stamp = self.stamp(now);
            if let Some(told) = locked.renew(hash, beat, by, &self.settings.policy, stamp, now) {
                return Ok(told);
            }
        }
        self.under_lock(&beat.user, now, |locked, hash, settling| {
            self.enter(locked, hash, beat, by, shard, settling)
        })
    }

    pub(super) fn enter(
        &self,
        locked: &mut Shard,
        hash: u32,
        beat: &Beat,
        by: By,
        shard: u16,
        settling: &Settling<'_>,
    ) -> Result<Told, Refused> {
        Self::admit(locked, (&beat.user, &beat.session), shard, settling)?;
        let stamp = settling.times.stamp;
        let here = by == By::Connection;
        let head = locked.head(hash, &beat.user);
        let known = head.and_then(|head| locked.chain(head).find(|&at| locked.slots[at].id == beat.session));
        let known = known.inspect(|&at| locked.move_to_store_time(hash, at, settling));
        let Some(at) = known else {
            if self.len() >= self.settings.max_sessions {
                return Err(Refused::Full);
            }
            let mut sessions = self.make_room(locked, hash, &beat.user, settling);
            // Only now: making room was a step of its own.
            let before = locked.standing(locked.head(hash, &beat.user));
            let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
            let placed = self.placed(beat, None, here, settling);
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
            return Ok(Told::Put { sessions, undo: Undo::new(None, session) });
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
            || beat.topics.as_ref().is_some_and(|topics| !slot.is_in(topics))
            || self.changes_lease(beat, slot)
            || beat.meta.is_some() && beat.meta.as_ref() != slot.meta();
        // Whoever took a lapsed session for gone for good may have dropped it, and would not know whom a touch renews.
        let revives = !slot.state.is_live();
        let old = (moves || revives || beat.declares.is_some()).then(|| slot.session());
        if moves {
            let placed = self.placed(beat, Some(slot), here, settling);
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
        if moves || revives || declares {
            Ok(slot.told(old))
        } else {
            let confirms = slot.flags & (flag::CONFIRMED | flag::UNCONFIRMED) != flag::CONFIRMED;
            Ok(Told::Touch { touch, placed_at: slot.placed_at, confirms })
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
}
