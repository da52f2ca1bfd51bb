//! The proven time of one shard of the store as a process sees it, and ages by that time.
//!
//! A process that receives nothing cannot distinguish "no heartbeats any more" from "cut off". So
//! the view moves only when the store proves its time by a write, and stretches in which no process
//! could write do not count into ages.

use super::{Blind, BlindList, Timestamp};
use std::time::Duration;

/// How long the proven time may stand still before the stretch counts as blind.
pub const SILENCE: Duration = Duration::from_secs(3);
/// How long one watch must have proven the time without interruption before the view is fresh. In
/// an unreliable period, proofs may get through by luck while heartbeats do not.
const STEADY_FOR: Duration = Duration::from_secs(1);
/// The longest pause between two proofs that is no interruption.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after a blind stretch other processes may still be rewriting what the store lost.
const REWRITES_FOR: Duration = Duration::from_secs(3);
/// How far the proven time may run ahead of the process's own without counting as a leap.
const AHEAD: Duration = Duration::from_secs(1);

/// The proven time of one shard.
#[derive(Debug, Clone)]
pub struct ViewClock {
    /// The newest proven time; never goes back.
    now: Timestamp,
    /// When that proof arrived, by the process's clock; `None` before the first proof.
    proven_on: Option<Timestamp>,
    /// When the present run of uninterrupted proofs began and when its last one arrived, by the
    /// process's clock.
    run: Option<(Timestamp, Timestamp)>,
    /// When the last proof arrived that left the view fresh, by the process's clock.
    fresh_on: Option<Timestamp>,
    /// Whether the time since the last proof was virtual time, skipped in one step.
    is_skipped: bool,
    /// All blind stretches that the shard has reported.
    blind: BlindList,
}

/// Whether a view is known to be up to date. Exhaustive on purpose: it is or it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Proven steadily, within [`SILENCE`].
    Fresh,
    /// Not known to be up to date: it shows the state at `since`.
    Stale {
        /// When the last proof arrived that left the view fresh, by the process's clock;
        /// [`Timestamp::ZERO`] if it never was.
        since: Timestamp,
    },
}

impl View {
    /// Whether the view is known to be up to date.
    pub const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh)
    }

    /// Whether the view was never fresh yet, as in the first second of a process.
    pub const fn is_starting(self) -> bool {
        matches!(self, Self::Stale { since: Timestamp::ZERO })
    }
}

impl Default for ViewClock {
    /// A clock without proofs.
    fn default() -> Self {
        let (now, blind) = (Timestamp::ZERO, BlindList::default());
        Self { now, proven_on: None, run: None, fresh_on: None, is_skipped: false, blind }
    }
}

impl ViewClock {
    /// A clock that reads `now`, as if proven all along: the view of a process that trusts its own
    /// time.
    pub fn running(now: Timestamp) -> Self {
        Self { proven_on: Some(now), fresh_on: Some(now), now, ..Self::default() }
    }

    /// Ends the run of proofs: a watch begins, or a proof has failed.
    pub fn interrupt(&mut self) {
        self.run = None;
    }

    /// Notes that the time until the next proof was virtual time, skipped in one step: that proof
    /// ends no silence, however much later it is.
    pub fn skip(&mut self) {
        self.is_skipped = true;
    }

    /// Accepts a proof: the shard accepted a write at its time `at`, everything up to then has been
    /// delivered, and `blind` are the stretches in which no process could write.
    ///
    /// `on` is the process's time of arrival. Returns whether the time leapt: this is the first
    /// proof, or one that ran ahead, ends a silence of this process, or reports a new blind
    /// stretch. Changes expected before may then be due sooner, or not have happened.
    pub fn prove(&mut self, at: Timestamp, on: Timestamp, blind: &[Blind]) -> bool {
        let grew = self.blind.learn(blind);
        let is_skipped = std::mem::take(&mut self.is_skipped);
        let mut leaps = true;
        if let Some(proven_on) = self.proven_on {
            if at <= self.now {
                return grew;
            }
            // Whether the time of a silence would count was unknown until now, and checks were
            // scheduled as if it did not.
            let silent_for = on.since(proven_on);
            let is_silence = silent_for > SILENCE && !is_skipped;
            leaps = grew || is_silence || at.since(self.now) > silent_for + AHEAD;
        }
        self.now = at;
        self.proven_on = Some(on);
        let goes_on = |last| is_skipped || on.since(last) <= PAUSE;
        let began = self.run.filter(|(_, last)| goes_on(*last)).map_or(on, |(began, _)| began);
        self.run = Some((began, on));
        if on.since(began) >= STEADY_FOR && self.has_settled() {
            self.fresh_on = Some(on);
        }
        leaps
    }

    /// Whether the last blind stretch is long enough ago.
    fn has_settled(&self) -> bool {
        self.blind.last().is_none_or(|last| self.now >= last.to + REWRITES_FOR)
    }

    /// The newest proven time; [`Timestamp::ZERO`] before the first proof.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether there was any proof.
    pub fn has_proof(&self) -> bool {
        self.proven_on.is_some()
    }

    /// The shard's time as this process reckons it: the newest proof plus the process's time since.
    pub fn reckon(&self, on: Timestamp) -> Option<Timestamp> {
        self.proven_on.map(|proven_on| self.now + on.since(proven_on))
    }

    /// How long the time has stood still at `on`, unless that is a silence: the next proof is
    /// expected to make up for it.
    pub fn unproven_for(&self, on: Timestamp) -> Duration {
        let still = self.proven_on.map(|proven_on| on.since(proven_on));
        still.filter(|still| *still <= SILENCE).unwrap_or_default()
    }

    /// Whether a proof that arrives after `since` is still to come, and may be expected soon.
    pub fn awaits_proof(&self, since: Timestamp, on: Timestamp) -> bool {
        self.proven_on.is_some_and(|proven_on| proven_on < since && on.since(proven_on) <= SILENCE)
    }

    /// The age of something that happened at `then`, without blind stretches; zero for the future.
    pub fn age(&self, then: Timestamp) -> Duration {
        self.now.since(then).saturating_sub(self.blind.missed(then, self.now))
    }

    /// When something that happened at `then` reaches the age `limit`, if no further blind stretch
    /// comes.
    ///
    /// Meaningful only if it has not reached that age yet.
    pub fn when_aged(&self, then: Timestamp, limit: Duration) -> Timestamp {
        then + limit + self.blind.missed(then, Timestamp::MAX)
    }

    /// How long ago activity at `then` was, without blind stretches.
    ///
    /// The time before the shard began does count, since a heartbeat may report activity long
    /// before it.
    pub fn idle_for(&self, then: Timestamp) -> Duration {
        self.now.since(then).saturating_sub(self.blind.missed_since_it_began(then, self.now))
    }

    /// When activity at `then` will be `limit` ago.
    pub fn when_idle_for(&self, then: Timestamp, limit: Duration) -> Timestamp {
        then + limit + self.blind.missed_since_it_began(then, Timestamp::MAX)
    }

    /// Everything that future behaviour depends on, with times relative to `on`: views with equal
    /// outlooks behave alike.
    #[cfg(test)]
    pub(crate) fn outlook(&self, on: Timestamp) -> impl std::hash::Hash + use<> {
        let from_now = |at: Timestamp| at.relative_to(on);
        let blind: Vec<_> =
            self.blind.as_slice().iter().map(|blind| (from_now(blind.from), from_now(blind.to))).collect();
        let run = self.run.map(|(began, last)| (from_now(began), from_now(last)));
        let fresh_on = self.fresh_on.map(from_now);
        (from_now(self.now), self.proven_on.map(from_now), run, fresh_on, self.is_skipped, blind)
    }

    /// Whether the view is fresh at the process's time `on`.
    pub fn view(&self, on: Timestamp) -> View {
        match self.fresh_on {
            Some(fresh_on) if on.since(fresh_on) <= SILENCE && self.has_settled() => View::Fresh,
            since => View::Stale { since: since.unwrap_or_default() },
        }
    }

    /// When a view that is fresh at `on` turns stale unless a proof arrives; `None` if it is stale.
    pub fn fresh_until(&self, on: Timestamp) -> Option<Timestamp> {
        self.fresh_on.filter(|_| self.view(on).is_fresh()).map(|fresh_on| fresh_on + SILENCE)
    }
}
