//! The proven time of one shard of the store as a process sees it, and ages by that time.
//!
//! A process that receives nothing cannot know whether other users stopped sending heartbeats or
//! whether it is itself cut off. So its view advances only when the store proves its time by a
//! write, and periods in which no process could write do not count toward ages.

use super::{Blind, BlindList, Timestamp};
use std::time::Duration;

/// How long the proven time may stop advancing before the period counts as blind.
pub const SILENCE: Duration = Duration::from_secs(3);
/// Proofs must have arrived without interruption for this long before the view is fresh. On an
/// unreliable link, single proofs may get through while heartbeats do not.
const STEADY_FOR: Duration = Duration::from_secs(1);
/// A longer pause between two proofs is an interruption.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after a blind stretch other processes may still be rewriting what the store lost.
const REWRITES_FOR: Duration = Duration::from_secs(3);
/// A proof that runs further ahead of the process's own clock is a leap.
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
    /// When the last proof arrived after which the view was fresh, by the process's clock.
    fresh_on: Option<Timestamp>,
    /// Whether the time since the last proof was virtual time, skipped in one step.
    is_skipped: bool,
    /// All blind stretches that the shard has reported.
    blind: BlindList,
}

/// Whether a view is known to be up to date. Exhaustive on purpose: there is no third case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Proofs have arrived without interruption, the last one within [`SILENCE`].
    Fresh,
    /// Not known to be up to date: it shows the state at `since`.
    Stale {
        /// When the last proof arrived after which the view was fresh, by the process's clock;
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
    /// A clock that reads `now`, as if proofs had always arrived. For sessions that are judged by
    /// the process's own clock.
    pub fn running(now: Timestamp) -> Self {
        Self { proven_on: Some(now), fresh_on: Some(now), now, ..Self::default() }
    }

    /// Ends the run of proofs: a watch begins, or a proof has failed.
    pub fn interrupt(&mut self) {
        self.run = None;
    }

    /// Records that virtual time was skipped. So the next proof ends no silence, however
    /// late it is.
    pub fn skip(&mut self) {
        self.is_skipped = true;
    }

    /// Accepts a proof: the shard accepted a write at its time `at`, everything up to then has been
    /// delivered, and `blind` are the stretches in which no process could write.
    ///
    /// `on` is when the proof arrived, by the process's clock. Returns whether the time leapt: the
    /// proof is the first one, runs ahead of the process's clock, ends a silence, or reports a new
    /// blind stretch. After a leap, the sessions of the shard have to be checked again.
    pub fn prove(&mut self, at: Timestamp, on: Timestamp, blind: &[Blind]) -> bool {
        let grew = self.blind.learn(blind);
        let is_skipped = std::mem::take(&mut self.is_skipped);
        let mut leaps = true;
        if let Some(proven_on) = self.proven_on {
            if at <= self.now {
                return grew;
            }
            // Checks that are scheduled during a silence assume that its time does not count. If it
            // does, they are too late.
            let silent_for = on.since(proven_on);
            let is_silence = silent_for > SILENCE && !is_skipped;
            leaps = grew || is_silence || at.since(self.now) > silent_for + AHEAD;
        }
        self.now = at;
        self.proven_on = Some(on);
        let goes_on = |last| is_skipped || on.since(last) <= PAUSE;
        let began = self.run.filter(|(_, last)| goes_on(*last)).map_or(on, |(began, _)| began);
        self.run = Some((began, on));
        if on.since(began) >= STEADY_FOR && self.rewrites_are_over() {
            self.fresh_on = Some(on);
        }
        leaps
    }

    /// Whether processes have had the time to rewrite what was lost in the last blind stretch.
    fn rewrites_are_over(&self) -> bool {
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

    /// The time since the last proof, by which the next proof is expected to advance; zero
    /// during a silence.
    pub fn unproven_for(&self, on: Timestamp) -> Duration {
        let still = self.proven_on.map(|proven_on| on.since(proven_on));
        still.filter(|still| *still <= SILENCE).unwrap_or_default()
    }

    /// Whether no proof has arrived since `since`, but the next one is expected soon.
    pub fn awaits_proof(&self, since: Timestamp, on: Timestamp) -> bool {
        self.proven_on.is_some_and(|proven_on| proven_on < since && on.since(proven_on) <= SILENCE)
    }

    /// The age of something that happened at `then`, without blind stretches; zero for the future.
    pub fn age(&self, then: Timestamp) -> Duration {
        self.now.since(then).saturating_sub(self.blind.missed(then, self.now))
    }

    /// When something that happened at `then` reaches the age `limit`, if no further
    /// blind stretch occurs.
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
            Some(fresh_on) if on.since(fresh_on) <= SILENCE && self.rewrites_are_over() => View::Fresh,
            since => View::Stale { since: since.unwrap_or_default() },
        }
    }

    /// When a view that is fresh at `on` turns stale unless a proof arrives; `None` if it is stale.
    pub fn fresh_until(&self, on: Timestamp) -> Option<Timestamp> {
        self.fresh_on.filter(|_| self.view(on).is_fresh()).map(|fresh_on| fresh_on + SILENCE)
    }
}
