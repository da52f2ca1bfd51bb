//! What time it provably is in one shard of the store, and how old things are by that time.
//!
//! A process that hears nothing cannot tell "nobody beats any more" from "I am cut off". So the
//! view moves only when the store proves its time by a write, and stretches in which nobody could
//! write make nobody older.

use super::{Blind, BlindList, Timestamp};
use std::time::Duration;

/// How long the proven time may stand still before the stretch counts as blind.
pub const SILENCE: Duration = Duration::from_secs(3);
/// For how long one watch must have proven the time without a break before its proofs make a view
/// fresh: good moments between bad ones let proofs through by luck, and beats not.
const STEADY_FOR: Duration = Duration::from_secs(1);
/// The longest pause between two proofs that is no break.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after a blind stretch others may still be telling the store again what it has lost.
const TOLD_AGAIN_FOR: Duration = Duration::from_secs(3);
/// How far the proven time may run ahead of the process's own without being called a leap.
const AHEAD: Duration = Duration::from_secs(1);

/// The proven time of one shard.
#[derive(Debug, Clone)]
pub struct ViewClock {
    /// The newest proven time; never goes back.
    now: Timestamp,
    /// When that proof arrived, by the process's clock; `None` before the first.
    proven_on: Option<Timestamp>,
    /// When the present run of proofs began and when its last one arrived, by the process's clock.
    run: Option<(Timestamp, Timestamp)>,
    /// When the last proof arrived after which the view was fresh, by the process's clock.
    fresh_on: Option<Timestamp>,
    /// What the shard has said, at any time.
    blind: BlindList,
}

/// Whether a view is worth believing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Proven steadily, within [`SILENCE`].
    Fresh,
    /// Not: what is shown is what was true at `since`.
    Stale {
        /// The process's time of the last proof after which it was fresh; [`Timestamp::ZERO`] as
        /// long as it never was.
        since: Timestamp,
    },
}

impl View {
    /// Whether what is shown is known to be true now.
    pub const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh)
    }

    /// Whether it has never been fresh yet, as in the first second of a process.
    pub const fn is_starting(self) -> bool {
        matches!(self, Self::Stale { since: Timestamp::ZERO })
    }
}

impl Default for ViewClock {
    /// A clock that has proven nothing yet.
    fn default() -> Self {
        Self { now: Timestamp::ZERO, proven_on: None, run: None, fresh_on: None, blind: BlindList::default() }
    }
}

impl ViewClock {
    /// A clock that has always run and stands at `now`: the view of a process that trusts its own
    /// time.
    pub fn running(now: Timestamp) -> Self {
        Self { proven_on: Some(now), fresh_on: Some(now), now, ..Self::default() }
    }

    /// The run of proofs is over: a watch begins, or a proof has failed.
    pub fn interrupt(&mut self) {
        self.run = None;
    }

    /// Takes a proof: the shard took a write at its time `at`, everything up to then has been
    /// delivered, and `blind` are the stretches in which nobody could write.
    ///
    /// `on` is the process's own time of its arrival. Answers whether the time came in a leap,
    /// being the first proof, or one that ran ahead, or one that ends a silence of this process, or
    /// one that tells of a blind stretch: what was expected of the time until then may come sooner,
    /// or has not come to pass.
    pub fn prove(&mut self, at: Timestamp, on: Timestamp, blind: &[Blind]) -> bool {
        let grew = self.blind.learn(blind);
        let mut leaps = true;
        if let Some(proven_on) = self.proven_on {
            if at <= self.now {
                return grew;
            }
            // After a silence it was unknown whether its time would count, and looks were planned
            // as if it did not.
            let silent_for = on.since(proven_on);
            leaps = grew || silent_for > SILENCE || at.since(self.now) > silent_for + AHEAD;
        }
        self.now = at;
        self.proven_on = Some(on);
        let began = self.run.filter(|(_, last)| on.since(*last) <= PAUSE).map_or(on, |(began, _)| began);
        self.run = Some((began, on));
        if on.since(began) >= STEADY_FOR && self.has_settled() {
            self.fresh_on = Some(on);
        }
        leaps
    }

    /// Whether the last blind stretch is long enough ago.
    fn has_settled(&self) -> bool {
        self.blind.last().is_none_or(|last| self.now >= last.to + TOLD_AGAIN_FOR)
    }

    /// The newest proven time; [`Timestamp::ZERO`] before the first proof.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether anything was ever proven.
    pub fn has_proof(&self) -> bool {
        self.proven_on.is_some()
    }

    /// What time it is in the shard by this process's reckoning: the newest proof and the process's
    /// time since.
    pub fn reckon(&self, on: Timestamp) -> Option<Timestamp> {
        self.proven_on.map(|proven_on| self.now + on.since(proven_on))
    }

    /// For how long the time has stood still at `on`, as far as that is no silence: the next proof
    /// will include it.
    pub fn unproven_for(&self, on: Timestamp) -> Duration {
        let still = self.proven_on.map(|proven_on| on.since(proven_on));
        still.filter(|still| *still <= SILENCE).unwrap_or_default()
    }

    /// How old something of `then` is, blind stretches left out; the future has age zero.
    pub fn age(&self, then: Timestamp) -> Duration {
        self.now.since(then).saturating_sub(self.blind.missed(then, self.now))
    }

    /// When something of `then` reaches the age `limit`, if time goes on without a further gap.
    ///
    /// Meaningful for what has not reached it yet.
    pub fn when_aged(&self, then: Timestamp, limit: Duration) -> Timestamp {
        then + limit + self.blind.missed(then, Timestamp::MAX)
    }

    /// How long ago activity of `then` was, blind stretches left out.
    ///
    /// A beat may tell of activity long before it: also of what was before the shard began, and
    /// that is as long ago as it is.
    pub fn idle_for(&self, then: Timestamp) -> Duration {
        self.now.since(then).saturating_sub(self.blind.missed_since_it_began(then, self.now))
    }

    /// When activity of `then` will have been that long ago.
    pub fn when_idle_for(&self, then: Timestamp, limit: Duration) -> Timestamp {
        then + limit + self.blind.missed_since_it_began(then, Timestamp::MAX)
    }

    /// All that decides about what is to come, by times that count from `on`: views with one
    /// outlook go on alike.
    #[cfg(test)]
    pub(crate) fn outlook(&self, on: Timestamp) -> impl std::hash::Hash + use<> {
        let from_now = |at: Timestamp| at.relative_to(on);
        let blind: Vec<_> =
            self.blind.as_slice().iter().map(|blind| (from_now(blind.from), from_now(blind.to))).collect();
        let run = self.run.map(|(began, last)| (from_now(began), from_now(last)));
        (from_now(self.now), self.proven_on.map(from_now), run, self.fresh_on.map(from_now), blind)
    }

    /// Whether the view is worth believing at `on`, the process's own time.
    pub fn view(&self, on: Timestamp) -> View {
        match self.fresh_on {
            Some(fresh_on) if on.since(fresh_on) <= SILENCE && self.has_settled() => View::Fresh,
            since => View::Stale { since: since.unwrap_or_default() },
        }
    }
}
