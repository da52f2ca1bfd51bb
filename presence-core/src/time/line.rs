//! The time of one shard, kept by the store and carried on by the handles that ask for proofs.

use super::{Blind, BlindList, SILENCE, Timestamp};

/// How far the server's clock may be ahead of a shard's time and still be followed.
const SANE: std::time::Duration = SILENCE;

/// What a handle contributes when it asks a shard for a proof of its time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The time that the handle reckons: the newest proof of any shard, plus its own monotonic time
    /// since. `None` before the first proof.
    pub reckoned: Option<Timestamp>,
    /// The newest time of this shard that the handle knows; [`Timestamp::ZERO`] if it knows none.
    pub proven: Timestamp,
    /// The blind stretches of this shard that the handle knows.
    pub blind: BlindList,
}

/// The time of one shard: it never goes back, never stands still while handles ask, and follows the
/// server's clock as long as that is plausible.
///
/// The state belongs to the store, and each request advances it. The server's clock may step, a
/// failover may lose the last answers, and a loss of data all of them; so each request brings what
/// its handle knows ([`Ask`]), and the shard adopts what it has lost. A store keeps the three parts
/// where a write is atomic, and changes them by [`advance`](Self::advance).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeLine {
    /// The newest time that was returned.
    pub at: Timestamp,
    /// When this epoch of the shard began; earlier once a handle has brought back what was before.
    pub born: Timestamp,
    /// Stretches over which the time moved by more than [`SILENCE`] between two answers, or after
    /// which the shard turned out to have lost data.
    pub blind: BlindList,
}

impl TimeLine {
    /// The time line of a shard created now, while the server's clock reads `clock`.
    ///
    /// If no handle knows an earlier one, everything until now is blind: data lost without a trace
    /// is written again, and ages from here on.
    pub fn begin(ask: &Ask, clock: Timestamp) -> Self {
        if ask.proven == Timestamp::ZERO {
            let now = clock.max(ask.reckoned.unwrap_or_default());
            let unknown = Blind { from: Timestamp::ZERO, to: now };
            return Self { at: now, born: now, blind: BlindList::from_iter([unknown]) };
        }
        let mut line = Self { at: Timestamp::ZERO, born: ask.proven, blind: BlindList::default() };
        line.advance(ask, clock);
        line
    }

    /// Advances to now, for a request made while the server's clock reads `clock`.
    ///
    /// A shard that has lost its last answers has lost sessions as well, and their processes write
    /// those again only now. So this step is blind however short it is, and every view is stale for
    /// some seconds, also that of a process that starts now.
    pub fn advance(&mut self, ask: &Ask, clock: Timestamp) {
        let has_lost = self.recall(ask);
        let now = self.reckon(ask.reckoned, clock);
        if has_lost || now.since(self.at) > SILENCE {
            self.blind.add(Blind { from: self.at, to: now });
        }
        self.at = now;
    }

    /// Advances to `now` over virtual time that was skipped in one step while a handle watched: it
    /// is not blind, however long it is.
    pub fn skip(&mut self, now: Timestamp) {
        self.at = self.at.max(now);
    }

    /// The time that [`advance`](Self::advance) would arrive at, for a handle that reckons
    /// `reckoned`.
    pub fn reckon(&self, reckoned: Option<Timestamp>, clock: Timestamp) -> Timestamp {
        let now = self.at.max(reckoned.unwrap_or_default());
        match reckoned {
            None => now.max(clock),
            Some(_) if clock.since(now) <= SANE => now.max(clock),
            Some(_) => now,
        }
    }

    /// Adopts what the handle knows and the shard has lost; answers whether the shard had lost its
    /// last answers.
    fn recall(&mut self, ask: &Ask) -> bool {
        if ask.proven == Timestamp::ZERO {
            return false;
        }
        if self.born.since(ask.proven) > SILENCE {
            // A handle without knowledge began this epoch of the shard, and this one knows the
            // epoch before.
            self.blind.learn(ask.blind.as_slice());
            self.blind.add(Blind { from: ask.proven, to: self.born });
            self.born = ask.proven;
        } else if ask.proven > self.at {
            // A failover lost the last answers, or a loss of data all of them.
            self.at = ask.proven;
            self.blind.learn(ask.blind.as_slice());
            return true;
        }
        false
    }
}
