//! What time it provably is in one shard of the store, and how old things are by that time.
//!
//! A process that hears nothing cannot tell "nobody beats any more" from "I am cut off". So the view moves only when
//! the store proves its own time, and stretches in which it proved nothing make nobody older.

use super::Timestamp;
use std::time::Duration;

/// How long the proven time may stand still before the stretch counts as blind.
pub const SILENCE: Duration = Duration::from_secs(3);
/// How far the proven time may run ahead of the process's own before the step counts as blind.
const LEAP: Duration = Duration::from_secs(1);
/// How many blind stretches are told apart; older ones flow together, which makes nobody older than they are.
const STRETCHES: usize = 256;

/// A stretch in which nobody grows older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Blind {
    from: Timestamp,
    to: Timestamp,
}

/// The proven time of one shard.
#[derive(Debug, Clone)]
pub struct ViewClock {
    /// The newest proven time; never goes back.
    now: Timestamp,
    /// When that proof arrived, by the process's clock; `None` before the first.
    proven_on: Option<Timestamp>,
    /// Whether the feed has begun anew since: the next proof ends a blind stretch, however short it was.
    interrupted: bool,
    /// Disjoint, sorted, at most `STRETCHES`.
    blind: Vec<Blind>,
    /// How long after a blind stretch ages stand still: the time a live process needs to be heard again.
    recovers_for: Duration,
}

/// Whether a view is worth believing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Proven within [`SILENCE`].
    Fresh,
    /// Not: what is shown is what was true at `since`.
    Stale {
        /// The process's time of the last proof.
        since: Timestamp,
    },
}

impl View {
    /// Whether what is shown is known to be true now.
    pub const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh)
    }
}

impl ViewClock {
    /// A clock that has proven nothing yet.
    ///
    /// Ages stand still for `recovers_for` after a blind stretch.
    pub fn new(recovers_for: Duration) -> Self {
        Self { now: Timestamp::ZERO, proven_on: None, interrupted: false, blind: Vec::new(), recovers_for }
    }

    /// A clock that has always run and stands at `now`: the view of a process that trusts its own time.
    pub fn running(now: Timestamp) -> Self {
        Self { proven_on: Some(now), now, ..Self::new(Duration::ZERO) }
    }

    /// The feed was interrupted: nothing is known of the time from the newest proof to the next one.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Takes a proof: it was `at` in the shard, and everything up to then has been delivered.
    ///
    /// `on` is the process's own time of its arrival. Answers whether the time came in a leap, being the first proof or
    /// one after a blind stretch: what was expected of the time until then may come sooner.
    pub fn prove(&mut self, at: Timestamp, on: Timestamp) -> bool {
        let mut leaps = true;
        if let Some(proven_on) = self.proven_on {
            if at <= self.now {
                return false;
            }
            let (heard, stepped) = (on.since(proven_on), at.since(self.now));
            leaps = self.interrupted || heard > SILENCE || stepped > heard + LEAP;
            if leaps {
                self.leave_out(Blind { from: self.now, to: at + self.recovers_for });
            }
        }
        self.now = at;
        self.proven_on = Some(on);
        self.interrupted = false;
        leaps
    }

    fn leave_out(&mut self, stretch: Blind) {
        match self.blind.last_mut() {
            Some(last) if stretch.from <= last.to => last.to = last.to.max(stretch.to),
            _ => self.blind.push(stretch),
        }
        if self.blind.len() > STRETCHES {
            let oldest = self.blind.remove(0);
            self.blind[0].from = oldest.from;
        }
    }

    /// The newest proven time; [`Timestamp::ZERO`] before the first proof.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether anything was ever proven.
    pub fn has_proof(&self) -> bool {
        self.proven_on.is_some()
    }

    /// What time it is in the shard by this process's reckoning: the newest proof and the process's time since.
    pub fn reckon(&self, on: Timestamp) -> Option<Timestamp> {
        self.proven_on.map(|proven_on| self.now + on.since(proven_on))
    }

    /// How old something of `then` is, blind stretches left out; the future has age zero.
    pub fn age(&self, then: Timestamp) -> Duration {
        if self.blind.is_empty() {
            return self.now.since(then);
        }
        self.lived(self.now).saturating_sub(self.lived(then))
    }

    /// When something of `then` reaches the age `limit`, if time goes on without a further gap.
    ///
    /// Meaningful for what has not reached it yet.
    pub fn when_aged(&self, then: Timestamp, limit: Duration) -> Timestamp {
        // No stretch ends after the last one, so from there on one lives through every millisecond.
        let missed: Duration = self.blind.iter().map(|b| b.to.since(b.from)).sum();
        Timestamp::ZERO + self.lived(then) + limit + missed
    }

    /// The time lived through until `then`: since the epoch, less the blind stretches.
    fn lived(&self, then: Timestamp) -> Duration {
        let missed: Duration = self.blind.iter().map(|b| then.min(b.to).since(b.from)).sum();
        then.since(Timestamp::ZERO).saturating_sub(missed)
    }

    /// Whether the view is worth believing at `on`, the process's own time.
    pub fn view(&self, on: Timestamp) -> View {
        match self.proven_on {
            Some(proven_on) if on.since(proven_on) <= SILENCE => View::Fresh,
            Some(since) => View::Stale { since },
            None => View::Stale { since: Timestamp::ZERO },
        }
    }
}
