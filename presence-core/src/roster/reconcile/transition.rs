//! From facts to what shows: one place derives every transition, from what was shown before and
//! what is true now.
//!
//! `UserState` is a pure function of the states that sessions were *settled* with, never of the
//! clock. So whatever changes a session takes the standing first, changes facts, settles, and the
//! difference of the two standings is what happened: exactly once, whoever asks when.
//!
//! Only the sessions that change are looked at, and only the topics that they are or were in. When
//! what the user shows everywhere changes (the status, or being hidden), all sessions and topics of
//! the user are.

use crate::liveness::{self, Liveness, Policy};
use crate::model::UserId;
use crate::roster::clock::readings::ClockReadings;
use crate::roster::readers::diff::LeftReason;
use crate::roster::readers::ranking::Ranking;
use crate::roster::readers::scope_state::{ScopeState, SortQueue, left};
use crate::roster::readers::shown::Shown;
use crate::roster::reconcile::user_state::UserState;
use crate::roster::sessions::cost::{self, UNIT};
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::work;
use crate::time::{Timestamp, ViewClock};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// How a settling is carried out.
pub(crate) struct Reconciler<'a> {
    pub policy: &'a Policy,
    pub times: &'a ClockReadings<'a>,
    pub all: &'a Arc<ScopeState>,
    pub sort_queue: &'a SortQueue,
    pub shown: &'a Shown,
    pub ranking: &'a Ranking,
}

impl Reconciler<'_> {
    /// Takes a user's step in a scope.
    fn step(
        &self,
        scope: &Arc<ScopeState>,
        user: &UserId,
        (from, to): (Liveness, Liveness),
        reason: Option<LeftReason>,
    ) {
        work::step();
        let change = scope.step(user, from, to, reason);
        if scope.topic().is_some()
            && let Some((before, after)) = change
        {
            let (before_shows, shows) = (before > 0, after > 0);
            if before_shows != shows {
                let bytes = scope.topic().map_or(0, cost::of_topic);
                let of = |shows: bool| if shows { bytes } else { 0 };
                Shown::step(&self.shown.topics, usize::from(before_shows), usize::from(shows));
                Shown::step(&self.shown.bytes, of(before_shows), of(shows));
            }
            if before != after {
                self.ranking.note(scope);
            }
        }
        self.sort_queue.note(scope);
    }
}

impl Shard {
    /// Brings what is shown of a user in line with the facts, and tells the scopes what differs
    /// from `before`.
    pub fn reconcile(&mut self, head: u32, mut before: UserState, reconciler: &Reconciler<'_>) {
        let (mut reason, mut settled) = (None, 0);
        let changes = loop {
            while settled < before.parts.len() {
                let why = self.reconcile_part(head, settled, &mut before, reconciler);
                // Who lapses in one session and leaves in another lapses.
                reason = if reason == Some(LeftReason::Lapsed) { reason } else { why.or(reason) };
                settled += 1;
            }
            let changes = self.hides(head) != before.hidden || self.status(head) != before.status;
            if !changes {
                break false;
            }
            // What is due at this instant goes in the same step: nobody sees one of two sessions
            // outlive the other.
            let due: SmallVec<[u32; 8]> =
                self.chain(head).filter(|&at| !self.is_judged(at, reconciler)).collect();
            if due.is_empty() {
                break true;
            }
            due.into_iter().for_each(|at| self.add_part(head, at, &mut before));
        };
        let hidden = self.hides(head);
        if hidden != before.hidden {
            self.hide(head, hidden);
        }
        for part in &before.parts {
            self.queue_check(part.at, reconciler);
        }
        let shown = |hidden: bool, live: (usize, usize)| if hidden { (0, 0) } else { live };
        let (was, is) = (shown(before.hidden, before.live), shown(hidden, self.live(head)));
        Shown::step(&reconciler.shown.sessions, was.0, is.0);
        Shown::step(&reconciler.shown.bytes, was.1, is.1);
        self.tell(head, before, hidden, changes, reason, reconciler);
    }

    /// Settles one of the sessions that change; answers why, if it is gone only now.
    fn reconcile_part(
        &mut self,
        head: u32,
        part: usize,
        before: &mut UserState,
        reconciler: &Reconciler<'_>,
    ) -> Option<LeftReason> {
        let at = before.parts[part].at;
        let why = self.judge(at, reconciler);
        self.weigh(head, at, reconciler);
        let Self { crowds, slots, .. } = self;
        if let Some(crowd) = crowds.get_mut(&head) {
            let part = &before.parts[part];
            let topics = before.was[part.topics.clone()].iter().map(|(scope, _)| scope);
            crowd.uncount(&slots[at].id, part, topics);
        }
        // Where it was not before, the user was what the others are.
        for scope in self.slots[at].places() {
            before.note(scope, self.best_in(head, scope, Some(at)));
        }
        let Self { crowds, slots, .. } = self;
        if let Some(crowd) = crowds.get_mut(&head) {
            crowd.count(&slots[at]);
        }
        why
    }

    /// Notes how much memory a session takes.
    fn weigh(&mut self, head: u32, at: u32, reconciler: &Reconciler<'_>) {
        let in_crowd = self.slots[head].has(flag::CROWD);
        let slot = &mut self.slots[at];
        let before = slot.counted_bytes();
        slot.weight = u16::try_from(slot.bytes(in_crowd).div_ceil(UNIT)).unwrap_or(u16::MAX);
        Shown::step(&reconciler.shown.all_bytes, before, slot.counted_bytes());
    }

    /// Notes at all sessions of a user that the user is hidden, or is not.
    fn hide(&mut self, head: u32, hidden: bool) {
        let mut at = Some(head);
        while let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            work::step();
            slot.set(flag::HIDDEN, hidden);
            at = Some(slot.next);
        }
    }

    /// Settles the user of one session, when nothing has changed of where it is.
    pub fn reconcile_at(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        let slot = &self.slots[at];
        if slot.is_only() && !slot.has(flag::CROWD) && !matches!(slot.memberships, Memberships::Many(_)) {
            return self.reconcile_only(at, reconciler);
        }
        let head = self.head_of(at);
        let before = self.user_state(Some(head), [at]);
        self.reconcile(head, before, reconciler);
    }

    /// The same for the only session of a user, in one topic at most: with half a million who lapse
    /// at once, it counts that nothing is copied.
    fn reconcile_only(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        let (from, bytes) = (self.slots[at].shown(), self.slots[at].counted_bytes());
        let reason = self.judge(at, reconciler);
        self.weigh(at, at, reconciler);
        let hidden = self.hides(at);
        self.slots[at].set(flag::HIDDEN, hidden);
        self.queue_check(at, reconciler);
        let slot = &self.slots[at];
        let (user, to) = (&slot.user, slot.shown());
        Shown::step(&reconciler.shown.sessions, usize::from(from.is_live()), usize::from(to.is_live()));
        let shown = |liveness: Liveness, bytes| if liveness.is_live() { bytes } else { 0 };
        Shown::step(&reconciler.shown.bytes, shown(from, bytes), shown(to, slot.counted_bytes()));
        reconciler.step(reconciler.all, user, (from, to), reason);
        if let Memberships::One(scope) = &slot.memberships
            && (from.is_live() || to.is_live())
        {
            reconciler.step(scope, user, (from, to), reason);
        }
        self.mark(user, reason.or_else(|| left(from, to)));
    }

    /// Decides what one session is, and which of its stays are in effect; answers why, if it is
    /// gone only now.
    fn judge(&mut self, at: u32, reconciler: &Reconciler<'_>) -> Option<LeftReason> {
        work::step();
        let (state, now) = self.verdict(at, reconciler);
        let slot = &mut self.slots[at];
        let was = std::mem::replace(&mut slot.state, state);
        slot.reconcile_at(now);
        if state.is_live() {
            return None;
        }
        slot.miss_node(now);
        let left = slot.left().is_some_and(|left| left.in_effect(reconciler.times.stamp));
        was.is_live().then_some(if left { LeftReason::Left } else { LeftReason::Lapsed })
    }

    /// What a session is by the facts, and the proven time that this is said of.
    pub fn verdict(&self, at: u32, reconciler: &Reconciler<'_>) -> (Liveness, Timestamp) {
        let slot = &self.slots[at];
        let Some(view) = reconciler.times.of(slot) else { return (Liveness::Gone, Timestamp::ZERO) };
        let vitals = slot.vitals(self.unconfirmed.get(&at).copied());
        (liveness::classify(&vitals, reconciler.policy, view), view.now())
    }

    /// Whether settling a session would change nothing.
    pub fn is_reconciled(&self, head: u32, at: u32, reconciler: &Reconciler<'_>) -> bool {
        self.is_judged(at, reconciler) && self.hides(head) == self.slots[at].has(flag::HIDDEN)
    }

    /// Whether a session is what it was when it was last settled.
    fn is_judged(&self, at: u32, reconciler: &Reconciler<'_>) -> bool {
        work::step();
        let (state, now) = self.verdict(at, reconciler);
        let slot = &self.slots[at];
        state == slot.state && slot.is_reconciled_at(now)
    }

    /// Has a session looked at when its verdict may change.
    pub fn queue_check(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        let after = match reconciler.times.of(&self.slots[at]) {
            Some(view) => self.next_check_after(at, view, reconciler.policy),
            None => Duration::from_secs(1),
        };
        // The view is a little behind. When the time comes, the proof that shows it will be there,
        // or soon.
        let after = after.saturating_sub(reconciler.times.unproven_for(&self.slots[at]));
        self.check_in(at, reconciler.times.now, after);
    }

    fn next_check_after(&self, at: u32, view: &ViewClock, policy: &Policy) -> Duration {
        let slot = &self.slots[at];
        let vitals = slot.vitals(self.unconfirmed.get(&at).copied());
        if !slot.state.is_live() {
            // Once it is old enough to be forgotten, `sweep` sets the next look itself.
            let forget_at = liveness::gone_at(&vitals, view) + Policy::memory(slot.lease());
            return forget_at.since(view.now());
        }
        let stays_end = match &slot.memberships {
            Memberships::Many(memberships) => memberships
                .iter()
                .filter(|membership| membership.in_effect)
                .filter_map(|membership| membership.until)
                .min(),
            _ => None,
        };
        let declared_ends = slot.declared().and_then(|declared| declared.until).filter(|&at| at > view.now());
        let next = [liveness::next_change(&vitals, policy, view), stays_end, declared_ends];
        next.into_iter().flatten().min().map_or(Duration::from_mins(1), |next| next.since(view.now()))
    }

    /// Tells every scope in which a user stands otherwise than before, and those who watch the
    /// user. `everywhere` says that what the user shows in all topics has changed.
    fn tell(
        &self,
        head: u32,
        mut before: UserState,
        hidden: bool,
        everywhere: bool,
        reason: Option<LeftReason>,
        reconciler: &Reconciler<'_>,
    ) {
        let user = &self.slots[head].user;
        let was_hidden = before.hidden;
        let shown = |hidden: bool, liveness| if hidden { Liveness::Gone } else { liveness };
        let step = |from, to| (shown(was_hidden, from), shown(hidden, to));
        let all = step(before.best, self.best(head));
        reconciler.step(reconciler.all, user, all, reason);
        let step_in = |scope: &Arc<ScopeState>, from, to| {
            let (from, to) = step(from, to);
            if from.is_live() || to.is_live() {
                reconciler.step(scope, user, (from, to), reason);
            }
        };
        before.sort();
        for (scope, from) in &before.was {
            step_in(scope, *from, self.best_in(head, scope, None));
        }
        if everywhere {
            self.each_topic(head, |scope, best| {
                if !before.has(scope) {
                    step_in(scope, best, best);
                }
            });
        }
        self.mark(user, reason.or_else(|| left(all.0, all.1)));
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
