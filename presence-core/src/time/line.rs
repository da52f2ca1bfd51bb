//! The time of one shard, kept by the store and carried on by the handles that ask for proofs.

use super::{Blind, BlindList, SILENCE, Timestamp};

/// The server's clock is followed while it is at most this far ahead of the shard's time.
const MAX_LEAD: std::time::Duration = SILENCE;

/// What a handle sends when it asks a shard for a proof of its time.
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

/// The time of one shard: it never goes back, always advances while handles request proofs, and
/// follows the server's clock as long as that is plausible.
///
/// The store keeps this state, and each request for a proof advances it. The server's clock may
/// step, a failover may lose the last answers, and a loss of data loses all of them. So each
/// request carries what its handle knows ([`Ask`]), and the shard adopts what it has lost. A store
/// must change the three fields atomically, by [`advance`](Self::advance).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeLine {
    /// The newest time that was returned.
    pub at: Timestamp,
    /// When this epoch of the shard began. Moves back if a handle restores the time before it.
    pub born: Timestamp,
    /// Periods of more than [`SILENCE`] between two answers, and periods at whose end the shard had
    /// lost data.
    pub blind: BlindList,
}

impl TimeLine {
    /// The time line of a shard created now, while the server's clock reads `clock`.
    ///
    /// If the handle knows no earlier time of the shard, all time until now is blind: the shard may
    /// have lost its data. Processes write it again, and it ages from now on.
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
    /// those again only from now on. So the time since the last answer is then blind, however short
    /// it is, and every view is stale for some seconds.
    pub fn advance(&mut self, ask: &Ask, clock: Timestamp) {
        let has_lost = self.recall(ask);
        let now = self.reckon(ask.reckoned, clock);
        if has_lost || now.since(self.at) > SILENCE {
            self.blind.add(Blind { from: self.at, to: now });
        }
        self.at = now;
    }

    /// Advances to `now` after virtual time was skipped while a watch was open. The skipped time is
    /// not blind.
    pub fn skip(&mut self, now: Timestamp) {
        self.at = self.at.max(now);
    }

    /// The time to which [`advance`](Self::advance) would move, given the handle's reckoned time.
    pub fn reckon(&self, reckoned: Option<Timestamp>, clock: Timestamp) -> Timestamp {
        let now = self.at.max(reckoned.unwrap_or_default());
        match reckoned {
            None => now.max(clock),
            Some(_) if clock.since(now) <= MAX_LEAD => now.max(clock),
            Some(_) => now,
        }
    }

    /// Adopts what the handle knows and the shard has lost; returns whether the shard had lost its
    /// last answers.
    fn recall(&mut self, ask: &Ask) -> bool {
        if ask.proven == Timestamp::ZERO {
            return false;
        }
        if self.born.since(ask.proven) > SILENCE {
            // This epoch was begun by a handle that did not know the shard's earlier time. The
            // present handle does.
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
