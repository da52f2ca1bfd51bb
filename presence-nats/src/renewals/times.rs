//! The latest renewal of each session, for as long as the stream keeps renewals.

use crate::codec::Raw;
use foldhash::quality::RandomState;
use presence_core::store::Touch;
use presence_core::{SessionId, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::time::Duration;

/// The latest times of sessions, keyed by a 64-bit hash of user and session. With a million
/// sessions, two of them share a hash with a probability of 3 in 100 million; one of the two then
/// seems alive for too long.
#[derive(Debug, Default)]
pub(super) struct Times {
    hasher: RandomState,
    /// The renewals of the current period of `beats_for`, and those of the period before. Older
    /// ones have expired from the stream.
    current: Stretch,
    before: Stretch,
    began_at: Timestamp,
    /// The incarnation of the bucket that the revisions belong to.
    pub(super) incarnation: u64,
}

type Stretch = HashMap<u64, Renewed, foldhash::fast::RandomState>;

/// The latest renewal of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Renewed {
    pub(super) seen_at: Timestamp,
    pub(super) active_at: Timestamp,
    /// The revision of the record that was renewed.
    pub(super) revision: u64,
}

impl Renewed {
    fn absorb(&mut self, other: Self) {
        self.seen_at = self.seen_at.max(other.seen_at);
        self.active_at = self.active_at.max(other.active_at);
        self.revision = self.revision.max(other.revision);
    }
}

impl Times {
    pub(super) fn get(&self, user: &UserId, id: &SessionId) -> Option<Renewed> {
        let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
        match (self.current.get(&hash).copied(), self.before.get(&hash).copied()) {
            (Some(mut one), Some(other)) => {
                one.absorb(other);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }

    /// Records a batch.
    pub(super) fn enter(&mut self, batch: &[Touch], revisions: &[u64], raw: &Raw, keeps_for: Duration) {
        if raw.at.since(self.began_at) > keeps_for {
            self.before = std::mem::take(&mut self.current);
            self.began_at = raw.at;
        }
        if raw.incarnation > self.incarnation {
            // The bucket was created again, so its revisions begin at one again.
            let all = self.current.values_mut().chain(self.before.values_mut());
            all.for_each(|known| known.revision = 0);
            self.incarnation = raw.incarnation;
        }
        for (touch, revision) in batch.iter().zip(revisions) {
            let Touch::Session { user, id, seen_at, active_at } = touch else { continue };
            let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
            let revision = if raw.incarnation == self.incarnation { *revision } else { 0 };
            let renewed = Renewed { seen_at: *seen_at, active_at: *active_at, revision };
            self.current.entry(hash).or_default().absorb(renewed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(user: &str, seen: u64, active: u64) -> Touch {
        Touch::Session {
            user: UserId::new(user).unwrap(),
            id: SessionId::new("tab").unwrap(),
            seen_at: Timestamp::from_millis(seen),
            active_at: Timestamp::from_millis(active),
        }
    }

    fn enter(times: &mut Times, touches: &[Touch], revision: u64, at: u64, incarnation: u64) {
        let raw = Raw {
            subject: String::new(),
            seq: 1,
            at: Timestamp::from_secs(at),
            gone: None,
            forgotten: None,
            incarnation,
            payload: bytes::Bytes::new(),
        };
        times.enter(touches, &vec![revision; touches.len()], &raw, Duration::from_secs(10));
    }

    fn known(times: &Times, user: &str) -> Option<(u64, u64, u64)> {
        let known = times.get(&UserId::new(user).unwrap(), &SessionId::new("tab").unwrap())?;
        Some((known.seen_at.as_millis(), known.active_at.as_millis(), known.revision))
    }

    #[test]
    fn times_only_increase_and_expire_with_the_stream() {
        let mut times = Times::default();
        enter(&mut times, &[touch("a", 5, 4), touch("b", 1, 1)], 1, 100, 1);
        enter(&mut times, &[touch("a", 3, 6)], 1, 109, 1);
        assert_eq!(known(&times, "a"), Some((5, 6, 1)));
        enter(&mut times, &[touch("a", 7, 2)], 1, 111, 1);
        assert_eq!(known(&times, "a"), Some((7, 6, 1)));
        assert_eq!(known(&times, "b"), Some((1, 1, 1)));
        enter(&mut times, &[], 1, 122, 1);
        assert_eq!(known(&times, "b"), None);
        assert_eq!(known(&times, "a"), Some((7, 2, 1)));
        assert_eq!(known(&times, "c"), None);
    }

    #[test]
    fn revisions_are_reset_when_the_bucket_is_created_again() {
        let mut times = Times::default();
        enter(&mut times, &[touch("a", 5, 5), touch("b", 5, 5)], 90, 100, 1);
        enter(&mut times, &[touch("a", 6, 6)], 3, 101, 2);
        assert_eq!(known(&times, "a"), Some((6, 6, 3)));
        assert_eq!(known(&times, "b"), Some((5, 5, 0)));
        // From a writer that has not yet noticed the new bucket.
        enter(&mut times, &[touch("a", 7, 7)], 91, 102, 1);
        assert_eq!(known(&times, "a"), Some((7, 7, 3)));
    }
}
