//! The rate limit on the frames of one client.

use presence_core::Timestamp;
use std::time::Duration;

/// A token bucket that fills at a steady rate.
pub(super) struct Rate {
    /// The time in which one token is added.
    every: Duration,
    /// The content of the full bucket, as time.
    full: Duration,
    /// The current content, as time.
    saved: Duration,
    at: Timestamp,
    /// The number of frames refused since the bucket was full.
    refused: u32,
    burst: u32,
    told_at: Option<Timestamp>,
}

/// Whether a frame is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    /// The frame exceeds the rate, and the client gets an error.
    Warn,
    /// The frame exceeds the rate, and the client got an error within the last second.
    Drop,
    /// The client keeps exceeding the rate: close the connection.
    Close,
}

/// The minimum time between two such errors to a client.
const WARN_EVERY: Duration = Duration::from_secs(1);

impl Rate {
    pub(super) fn new(per_second: u32, burst: u32, now: Timestamp) -> Self {
        let (every, burst) = (Duration::from_secs(1) / per_second.max(1), burst.max(1));
        let full = every * burst;
        Self { every, full, saved: full, at: now, refused: 0, burst, told_at: None }
    }

    pub(super) fn check(&mut self, now: Timestamp) -> Verdict {
        self.saved = self.full.min(self.saved + now.since(self.at));
        self.at = now;
        if self.saved == self.full {
            self.refused = 0;
        }
        if let Some(left) = self.saved.checked_sub(self.every) {
            self.saved = left;
            return Verdict::Accept;
        }
        self.refused += 1;
        if self.refused > self.burst {
            return Verdict::Close;
        }
        if self.told_at.is_some_and(|told_at| now.since(told_at) < WARN_EVERY) {
            return Verdict::Drop;
        }
        self.told_at = Some(now);
        Verdict::Warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn a_burst_and_then_a_steady_rate_are_accepted() {
        let mut rate = Rate::new(25, 60, at(0));
        assert!((0..50).all(|_| rate.check(at(0)) == Verdict::Accept));
        assert!((1..2_000).all(|n| rate.check(at(50 * n)) == Verdict::Accept));
        assert!((0..50).all(|_| rate.check(at(100_000)) == Verdict::Accept));
    }

    #[test]
    fn a_flood_gets_one_error_a_second_and_is_then_closed() {
        let mut rate = Rate::new(25, 60, at(0));
        let verdicts: Vec<_> = (0..122).map(|_| rate.check(at(0))).collect();
        assert!(verdicts[..60].iter().all(|verdict| *verdict == Verdict::Accept));
        assert_eq!(verdicts[60], Verdict::Warn);
        assert!(verdicts[61..120].iter().all(|verdict| *verdict == Verdict::Drop));
        assert_eq!(verdicts[120], Verdict::Close);
    }

    #[test]
    fn a_client_that_slows_down_is_accepted_again() {
        let mut rate = Rate::new(25, 60, at(0));
        for round in 0..100 {
            let now = at(round * 3_000);
            let verdicts: Vec<_> = (0..100).map(|_| rate.check(now)).collect();
            assert!(!verdicts.contains(&Verdict::Close), "round {round}");
            assert_eq!(verdicts[60], Verdict::Warn);
        }
    }
}
