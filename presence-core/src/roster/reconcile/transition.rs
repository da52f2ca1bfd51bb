//! Derives every join, leave and change of a user, from the user's state before a change and the
//! facts after it.
//!
//! Code that changes a session takes the `UserState` first, changes the facts, and then reconciles.
//! The transition is the difference between the states before and after. `UserState` depends only
//! on the states with which sessions were last *reconciled*, never on the clock: so each transition
//! is derived exactly once, whatever code finds it.
//!
//! Only the changed sessions are visited, and only the topics that these are or were in. If the
//! user's status changes, or the user becomes hidden or visible, all sessions and topics of the
//! user are visited.

use crate::liveness::{Liveness, Policy};
use crate::model::UserId;
use crate::roster::clock::readings::ClockReadings;
use crate::roster::readers::diff::LeftReason;
use crate::roster::readers::ranking::Ranking;
use crate::roster::readers::scope_state::{ScopeState, left};
use crate::roster::readers::shown::Shown;
use crate::roster::readers::sort_queue::SortQueue;
use crate::roster::reconcile::user_state::UserState;
use crate::roster::reconcile::verdict::Verdict;
use crate::roster::sessions::cost::{self, UNIT};
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::work;
use smallvec::SmallVec;
use std::sync::Arc;

/// What reconciling needs besides the shard: the policy, the clocks, and the places where
/// transitions are recorded.
pub(crate) struct Reconciler<'a> {
    pub policy: &'a Policy,
    pub times: &'a ClockReadings<'a>,
    pub all: &'a Arc<ScopeState>,
    pub sort_queue: &'a SortQueue,
    pub shown: &'a Shown,
    pub ranking: &'a Ranking,
}

impl Reconciler<'_> {
    /// Records a user's change in a scope: in its counts and lists, the ranking, and the totals.
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
    /// Reconciles the sessions in `before.parts`, and records how the user's state then differs
    /// from `before`.
    ///
    /// Works in three steps. First reconciles each changed session; if the status changes, also the
    /// user's other sessions that are due. Then sets the hidden flag of all sessions, and schedules
    /// the next checks. Last records the differences in totals, scopes and watches.
    pub fn reconcile(&mut self, head: u32, mut before: UserState, reconciler: &Reconciler<'_>) {
        let (mut reason, mut reconciled) = (None, 0);
        let changes = loop {
            while reconciled < before.parts.len() {
                let why = self.reconcile_part(head, reconciled, &mut before, reconciler);
                // If one session lapses and another one leaves, the user counts as lapsed.
                reason = if reason == Some(LeftReason::Lapsed) { reason } else { why.or(reason) };
                reconciled += 1;
            }
            let changes = self.hides(head) != before.hidden || self.status(head) != before.status;
            if !changes {
                break false;
            }
            // Sessions that are due now are part of the same transition, so that readers do not see
            // them end one after the other.
            let due: SmallVec<[u32; 8]> = self
                .chain(head)
                .filter(|&at| !self.is_session_reconciled(at, self.verdict(at, reconciler)))
                .collect();
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
        self.record_changes(head, before, hidden, changes, reason, reconciler);
    }

    /// Reconciles one of the changed sessions; returns the reason if the session became gone.
    fn reconcile_part(
        &mut self,
        head: u32,
        part: usize,
        before: &mut UserState,
        reconciler: &Reconciler<'_>,
    ) -> Option<LeftReason> {
        let at = before.parts[part].at;
        let why = self.update_state(at, self.verdict(at, reconciler), reconciler);
        self.update_size(head, at, reconciler);
        let Self { user_indexes, slots, .. } = self;
        if let Some(indexes) = user_indexes.get_mut(&head) {
            let part = &before.parts[part];
            let topics = before.was[part.topics.clone()].iter().map(|(scope, _)| scope);
            indexes.uncount(&slots[at].id, part, topics);
        }
        // For topics that the session has just entered, the user's state before was that of the
        // other sessions.
        for scope in self.slots[at].current_topics() {
            before.note(scope, self.best_in(head, scope, Some(at)));
        }
        let Self { user_indexes, slots, .. } = self;
        if let Some(indexes) = user_indexes.get_mut(&head) {
            indexes.count(&slots[at]);
        }
        why
    }

    /// Updates the estimated size of a session.
    fn update_size(&mut self, head: u32, at: u32, reconciler: &Reconciler<'_>) {
        let is_indexed = self.slots[head].has(flag::INDEXED);
        let slot = &mut self.slots[at];
        let before = slot.counted_bytes();
        slot.weight = u16::try_from(slot.bytes(is_indexed).div_ceil(UNIT)).unwrap_or(u16::MAX);
        Shown::step(&reconciler.shown.all_bytes, before, slot.counted_bytes());
    }

    /// Sets or clears the hidden flag of all sessions of a user.
    fn hide(&mut self, head: u32, hidden: bool) {
        let mut at = Some(head);
        while let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            work::step();
            slot.set(flag::HIDDEN, hidden);
            at = Some(slot.next);
        }
    }

    /// Reconciles the user of a session whose state may have changed, although its facts have not.
    pub fn reconcile_at(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        self.reconcile_as(at, self.verdict(at, reconciler), reconciler);
    }

    /// Like [`reconcile_at`](Self::reconcile_at), with the session's verdict already known.
    pub fn reconcile_as(&mut self, at: u32, verdict: Verdict, reconciler: &Reconciler<'_>) {
        let slot = &self.slots[at];
        if slot.is_only() && !slot.has(flag::INDEXED) && !matches!(slot.memberships, Memberships::Many(_)) {
            return self.reconcile_only(at, verdict, reconciler);
        }
        let head = self.head_of(at);
        let before = self.user_state(Some(head), [at]);
        self.reconcile(head, before, reconciler);
    }

    /// Like [`reconcile_as`](Self::reconcile_as), for a user's only session in at most one topic.
    /// Copies nothing, which matters when half a million such sessions lapse at once.
    fn reconcile_only(&mut self, at: u32, verdict: Verdict, reconciler: &Reconciler<'_>) {
        let from = self.slots[at].shown();
        let reason = self.update_state(at, verdict, reconciler);
        // Without cold fields there is no declaration.
        let hidden = self.slots[at].cold.is_some() && self.hides(at);
        self.slots[at].set(flag::HIDDEN, hidden);
        self.queue_check(at, reconciler);
        let slot = &self.slots[at];
        let (user, to) = (&slot.user, slot.shown());
        Shown::step(&reconciler.shown.sessions, usize::from(from.is_live()), usize::from(to.is_live()));
        let shown = |liveness: Liveness| if liveness.is_live() { slot.counted_bytes() } else { 0 };
        Shown::step(&reconciler.shown.bytes, shown(from), shown(to));
        reconciler.step(reconciler.all, user, (from, to), reason);
        if let Memberships::One(scope) = &slot.memberships
            && (from.is_live() || to.is_live())
        {
            reconciler.step(scope, user, (from, to), reason);
        }
        self.mark(user, reason.or_else(|| left(from, to)));
    }

    /// Recomputes the state of a session, and which of its memberships are in effect; returns the
    /// reason if the session became gone.
    fn update_state(
        &mut self,
        at: u32,
        (state, now): Verdict,
        reconciler: &Reconciler<'_>,
    ) -> Option<LeftReason> {
        work::step();
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

    /// Records the user's change in every scope that it affects, and in the watches of the user.
    /// `everywhere` means that the status or the hidden flag changed, which affects all topics of
    /// the user.
    fn record_changes(
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

    /// Marks the watches of a user as changed.
    fn mark(&self, user: &UserId, reason: Option<LeftReason>) {
        if !self.watchers.is_empty() {
            for watch in self.watchers.get(user).into_iter().flatten() {
                watch.mark(user, reason);
            }
        }
    }
}
