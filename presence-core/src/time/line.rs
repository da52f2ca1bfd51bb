//! The time of one shard, as the store keeps it and those who ask for it carry it on.

use super::{Blind, BlindList, SILENCE, Timestamp};

/// How far the server's clock may be ahead of a shard's time and is still followed.
const SANE: std::time::Duration = SILENCE;

/// What a handle brings along when it asks a shard for a proof of its time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// What time it reckons: the newest proof of any shard, and its own monotonic time since.
    /// `None` before the first.
    pub reckoned: Option<Timestamp>,
    /// The newest time that it knows of this shard; [`Timestamp::ZERO`] if it knows none.
    pub proven: Timestamp,
    /// The blind stretches that it knows of this shard.
    pub blind: BlindList,
}

/// The time of one shard: it never goes back, never stands still while anybody asks, and follows
/// the server's clock as long as that makes sense.
///
/// The state is the store's, and each question moves it: the server's clock may step, a failover
/// may lose the last answers, and a loss of data all of them. So whoever asks says what it knows
/// ([`Ask`]), and the shard takes over what it has forgotten. A store keeps the three parts
/// wherever a write is atomic, and moves them by [`advance`](Self::advance).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeLine {
    /// The newest time that was answered.
    pub at: Timestamp,
    /// When this life of the shard began; earlier once somebody has brought back what was before.
    pub born: Timestamp,
    /// The stretches over which time has moved by more than [`SILENCE`] from one answer to the
    /// next.
    pub blind: BlindList,
}

impl TimeLine {
    /// The time line of a shard that is made now, while the server's clock says `clock`.
    ///
    /// If nobody remembers an earlier one, everything until now is blind: what a store has lost
    /// without a trace is told again, and counts from here.
    pub fn begin(ask: &Ask, clock: Timestamp) -> Self {
        let mut line = if ask.proven == Timestamp::ZERO {
            let now = clock.max(ask.reckoned.unwrap_or_default());
            let unknown = Blind { from: Timestamp::ZERO, to: now };
            Self { at: now, born: now, blind: BlindList::from_iter([unknown]) }
        } else {
            Self { at: ask.proven, born: ask.proven, blind: ask.blind.clone() }
        };
        line.advance(ask, clock);
        line
    }

    /// Moves on to now, for somebody who asks while the server's clock says `clock`.
    pub fn advance(&mut self, ask: &Ask, clock: Timestamp) {
        self.recall(ask);
        let now = self.reckon(ask.reckoned, clock);
        if now.since(self.at) > SILENCE {
            self.blind.add(Blind { from: self.at, to: now });
        }
        self.at = now;
    }

    /// What time [`advance`](Self::advance) would come to, for somebody who reckons this.
    pub fn reckon(&self, reckoned: Option<Timestamp>, clock: Timestamp) -> Timestamp {
        let now = self.at.max(reckoned.unwrap_or_default());
        match reckoned {
            None => now.max(clock),
            Some(_) if clock.since(now) <= SANE => now.max(clock),
            Some(_) => now,
        }
    }

    /// Takes over what the shard has forgotten and somebody remembers.
    fn recall(&mut self, ask: &Ask) {
        if ask.proven == Timestamp::ZERO {
            return;
        }
        if self.born.since(ask.proven) > SILENCE {
            // A newcomer made this life of the shard, and here is somebody who knows the one
            // before.
            self.blind.learn(ask.blind.as_slice());
            self.blind.add(Blind { from: ask.proven, to: self.born });
            self.born = ask.proven;
        } else if ask.proven > self.at {
            // A failover has lost the last answers.
            self.at = ask.proven;
            self.blind.learn(ask.blind.as_slice());
        }
    }
}
