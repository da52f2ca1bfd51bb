//! From facts to what shows: one place derives every transition, from what was shown before and what is true now.
//!
//! `Standing` is a pure function of the states that sessions were *settled* with, never of the clock. So whatever
//! changes a session takes the standing first, changes facts, settles, and the difference of the two standings is what
//! happened: exactly once, whoever asks when.

use super::diff::LeftReason;
use super::scope_state::{Overdue, ScopeState, left};
use super::shard::Shard;
use super::slab::NONE;
use super::slot::flag;
use super::stays::Stays;
use super::times::Times;
use crate::liveness::{self, Liveness, Policy};
use crate::model::{Declared, Message, Status, UserId};
use crate::time::{Timestamp, ViewClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a user is in each scope.
pub(super) struct Standing {
    pub best: Liveness,
    /// Each topic once, with the best of the user's sessions in it. The first one apart: most users are in no other.
    place: Option<(Arc<ScopeState>, Liveness)>,
    more: Vec<(Arc<ScopeState>, Liveness)>,
}

impl Standing {
    pub const NOWHERE: Self = Self { best: Liveness::Gone, place: None, more: Vec::new() };

    fn places(&self) -> impl Iterator<Item = &(Arc<ScopeState>, Liveness)> {
        self.place.iter().chain(&self.more)
    }

    fn enter(&mut self, scope: &Arc<ScopeState>, state: Liveness) {
        let mut places = self.place.iter_mut().chain(&mut self.more);
        if let Some((_, liveness)) = places.find(|(place, _)| Arc::ptr_eq(place, scope)) {
            *liveness = state.max(*liveness);
        } else if self.place.is_none() {
            self.place = Some((Arc::clone(scope), state));
        } else {
            self.more.push((Arc::clone(scope), state));
        }
    }

    fn in_place(&self, scope: &Arc<ScopeState>) -> Liveness {
        let found = self.places().find(|(place, _)| Arc::ptr_eq(place, scope));
        found.map_or(Liveness::Gone, |(_, liveness)| *liveness)
    }
}

/// How a settling is carried out.
pub(super) struct Settling<'a> {
    pub policy: &'a Policy,
    pub times: &'a Times<'a>,
    pub all: &'a Arc<ScopeState>,
    pub overdue: &'a Overdue,
    pub shown: &'a Shown,
}

/// How much shows to anybody: changed by settling alone, like the counts of scopes.
#[derive(Default)]
pub(super) struct Shown {
    pub sessions: AtomicUsize,
    pub topics: AtomicUsize,
}

impl Shown {
    /// Takes the step of some sessions, or topics.
    fn step(count: &AtomicUsize, before: usize, after: usize) {
        if before != after {
            // Wrapping: what was counted before is taken away.
            count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }
}

impl Settling<'_> {
    /// Takes a user's step in a scope.
    fn step(
        &self,
        scope: &Arc<ScopeState>,
        user: &UserId,
        (from, to): (Liveness, Liveness),
        reason: Option<LeftReason>,
    ) {
        let change = scope.step(user, from, to, reason);
        if scope.topic().is_some()
            && let Some((before, after)) = change
        {
            Shown::step(&self.shown.topics, usize::from(before > 0), usize::from(after > 0));
        }
        self.overdue.note(scope);
    }
}

impl Shard {
    /// What the user whose sessions start at `head` shows.
    pub fn standing(&self, head: Option<u32>) -> Standing {
        let mut standing = Standing::NOWHERE;
        let Some(head) = head.filter(|&head| !self.slots[head].has(flag::HIDDEN)) else { return standing };
        for at in self.chain(head) {
            let slot = &self.slots[at];
            standing.best = standing.best.max(slot.state);
            for scope in slot.places() {
                standing.enter(scope, slot.state);
            }
        }
        standing
    }

    /// The declaration that counts for a user: the newest one of a live session that has not expired.
    fn declared(&self, head: u32) -> Option<&Declared> {
        let live = self.chain(head).filter(|&at| self.slots[at].state.is_live());
        // Of two of one instant, every process takes the same.
        let counting = live.filter_map(|at| Some((self.slots[at].counting()?, &self.slots[at].id)));
        counting.max_by_key(|(declared, id)| (declared.at, *id)).map(|(declared, _)| declared)
    }

    /// The effective status of a user, and the words beside it.
    pub fn status(&self, head: u32) -> (Status, Option<Message>) {
        let best = self.chain(head).map(|at| self.slots[at].state).max();
        match (best, self.declared(head)) {
            (None | Some(Liveness::Gone), _) => (Status::Offline, None),
            (_, Some(declared)) => (declared.status, declared.message.clone()),
            (Some(Liveness::Active), None) => (Status::Online, None),
            (Some(Liveness::Idle), None) => (Status::Away, None),
        }
    }

    /// Brings all that is shown of a user in line with the facts, and tells the scopes what differs from `before`.
    pub fn settle(&mut self, head: u32, before: &Standing, settling: &Settling<'_>) {
        let (mut reason, mut shown) = (None, (0, 0));
        let mut at = head;
        while at != NONE {
            shown.0 += usize::from(self.slots[at].shown().is_live());
            let why = self.judge(at, settling);
            // Who lapses in one session and leaves in another lapses.
            reason = if reason == Some(LeftReason::Lapsed) { reason } else { why.or(reason) };
            at = self.slots[at].next;
        }
        let hidden = self.hides(head);
        at = head;
        while at != NONE {
            self.slots[at].set(flag::HIDDEN, hidden);
            shown.1 += usize::from(self.slots[at].shown().is_live());
            self.queue_look(at, settling);
            at = self.slots[at].next;
        }
        Shown::step(&settling.shown.sessions, shown.0, shown.1);
        let after = self.standing(Some(head));
        self.tell(head, before, &after, reason, settling);
    }

    /// Settles the user of one session, when nothing has changed of where it is.
    pub fn settle_at(&mut self, at: u32, settling: &Settling<'_>) {
        let slot = &self.slots[at];
        if slot.is_only() && !matches!(slot.stays, Stays::Many(_)) {
            return self.settle_only(at, settling);
        }
        let head = self.head_of(at);
        let before = self.standing(Some(head));
        self.settle(head, &before, settling);
    }

    /// The same for the only session of a user, in one topic at most: with half a million who lapse at once, it counts
    /// that nothing is copied.
    fn settle_only(&mut self, at: u32, settling: &Settling<'_>) {
        let from = self.slots[at].shown();
        let reason = self.judge(at, settling);
        let hidden = self.hides(at);
        self.slots[at].set(flag::HIDDEN, hidden);
        self.queue_look(at, settling);
        let slot = &self.slots[at];
        let (user, to) = (&slot.user, slot.shown());
        Shown::step(&settling.shown.sessions, usize::from(from.is_live()), usize::from(to.is_live()));
        settling.step(settling.all, user, (from, to), reason);
        if let Stays::One(scope) = &slot.stays
            && (from.is_live() || to.is_live())
        {
            settling.step(scope, user, (from, to), reason);
        }
        self.mark(user, reason.or_else(|| left(from, to)));
    }

    fn hides(&self, head: u32) -> bool {
        self.declared(head).is_some_and(|declared| declared.status == Status::Offline)
    }

    /// Decides what one session is, and which of its stays are in effect; answers why, if it is gone only now.
    fn judge(&mut self, at: u32, settling: &Settling<'_>) -> Option<LeftReason> {
        let (state, now) = self.verdict(at, settling);
        let slot = &mut self.slots[at];
        let was = std::mem::replace(&mut slot.state, state);
        slot.settle_at(now);
        if state.is_live() {
            return None;
        }
        slot.miss_node(now);
        let left = slot.left().is_some_and(|left| left.in_effect(settling.times.stamp));
        was.is_live().then_some(if left { LeftReason::Left } else { LeftReason::Lapsed })
    }

    /// What a session is by the facts, and the proven time that this is said of.
    pub fn verdict(&self, at: u32, settling: &Settling<'_>) -> (Liveness, Timestamp) {
        let slot = &self.slots[at];
        let Some(view) = settling.times.of(slot) else { return (Liveness::Gone, Timestamp::ZERO) };
        let vitals = slot.vitals(self.unconfirmed.get(&at).copied());
        (liveness::classify(&vitals, settling.policy, view), view.now())
    }

    /// Whether settling a session's user would change nothing.
    pub fn is_settled(&self, head: u32, at: u32, settling: &Settling<'_>) -> bool {
        let (state, now) = self.verdict(at, settling);
        let slot = &self.slots[at];
        state == slot.state && slot.is_settled_at(now) && self.hides(head) == slot.has(flag::HIDDEN)
    }

    /// Has a session looked at when its verdict may change.
    pub fn queue_look(&mut self, at: u32, settling: &Settling<'_>) {
        let after = match settling.times.of(&self.slots[at]) {
            Some(view) => self.next_look_after(at, view, settling.policy),
            None => Duration::from_secs(1),
        };
        // The view is a little behind. When the time comes, the proof that shows it will be there, or soon.
        let after = after.saturating_sub(settling.times.unproven_for(&self.slots[at]));
        self.look_in(at, settling.times.now, after);
    }

    fn next_look_after(&self, at: u32, view: &ViewClock, policy: &Policy) -> Duration {
        let slot = &self.slots[at];
        let vitals = slot.vitals(self.unconfirmed.get(&at).copied());
        if !slot.state.is_live() {
            // Once it is old enough to be forgotten, `sweep` sets the next look itself.
            let forget_at = liveness::gone_at(&vitals, view) + Policy::memory(slot.lease());
            return forget_at.since(view.now());
        }
        let stays_end = match &slot.stays {
            Stays::Many(stays) => {
                stays.iter().filter(|stay| stay.in_effect).filter_map(|stay| stay.until).min()
            }
            _ => None,
        };
        let declared_ends = slot.declared().and_then(|declared| declared.until).filter(|&at| at > view.now());
        let next = [liveness::next_change(&vitals, policy, view), stays_end, declared_ends];
        next.into_iter().flatten().min().map_or(Duration::from_mins(1), |next| next.since(view.now()))
    }

    /// Tells every scope in which a user stands otherwise than before, and those who watch the user.
    fn tell(
        &self,
        head: u32,
        before: &Standing,
        after: &Standing,
        reason: Option<LeftReason>,
        settling: &Settling<'_>,
    ) {
        let user = &self.slots[head].user;
        settling.step(settling.all, user, (before.best, after.best), reason);
        for (scope, to) in after.places() {
            settling.step(scope, user, (before.in_place(scope), *to), reason);
        }
        for (scope, from) in before.places() {
            if !after.in_place(scope).is_live() {
                settling.step(scope, user, (*from, Liveness::Gone), reason);
            }
        }
        self.mark(user, reason.or_else(|| left(before.best, after.best)));
    }

    /// Tells those who watch a user.
    fn mark(&self, user: &UserId, reason: Option<LeftReason>) {
        if !self.watchers.is_empty() {
            for watch in self.watchers.get(user).into_iter().flatten() {
                watch.mark(user, reason);
            }
        }
    }
}
