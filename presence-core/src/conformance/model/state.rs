//! What the reference store holds, and what each verb does to it.

use super::faults::Plan;
use super::{Calls, Reference};
use crate::model::{Session, UserId};
use crate::store::{Facts, Feed, Misses, Seen, Touch};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many messages a shard keeps for its readers; the feed of a reader who is further behind ends.
const LOG: usize = 16_384;

#[derive(Debug)]
pub(super) struct State {
    pub(super) shards: Vec<Shard>,
    pub(super) plan: Plan,
    pub(super) calls: Calls,
}

/// One part of the store, with its own life and its own messages.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) facts: Reference,
    pub(super) epoch: Arc<str>,
    /// The number of the first message in `log`.
    pub(super) first: u64,
    /// Each with the time of its writing, by the clock that was given.
    pub(super) log: VecDeque<(Timestamp, Feed)>,
}

impl Shard {
    pub(super) fn new() -> Self {
        let mut shard =
            Self { facts: Reference::default(), epoch: "".into(), first: 0, log: VecDeque::new() };
        shard.renew_epoch();
        shard
    }

    pub(super) fn renew_epoch(&mut self) {
        self.epoch = format!("{:016x}", crate::random::u64()).into();
    }

    pub(super) fn lose_all(&mut self) {
        self.facts = Reference::default();
        self.renew_epoch();
    }

    fn tell(&mut self, now: Timestamp, message: Feed) {
        self.log.push_back((now, message));
        if self.log.len() > LOG {
            self.log.pop_front();
            self.first += 1;
        }
    }
}

impl State {
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.shards.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn put(&mut self, now: Timestamp, sessions: &[Session]) {
        for shard in 0..self.shards.len() {
            let part = self.part(sessions, shard, |session| Some(&session.user));
            let shard = &mut self.shards[shard];
            for session in &part {
                shard.facts.put(session);
            }
            if !part.is_empty() {
                let facts = shard.facts.facts(part);
                shard.tell(now, Feed::Facts(Arc::new(facts)));
            }
        }
    }

    pub(super) fn touch(&mut self, now: Timestamp, touches: &[Touch]) -> Misses {
        let mut misses = Misses::new();
        for shard in 0..self.shards.len() {
            let mut part = self.part(touches, shard, |touch| match touch {
                Touch::Session { user, .. } => Some(user),
                Touch::Node { .. } => None,
            });
            let shard = &mut self.shards[shard];
            part.retain(|touch| {
                let miss = shard.facts.touch(touch);
                let told = miss.as_ref().is_none_or(|key| shard.facts.sessions.contains_key(key));
                misses.extend(miss);
                told
            });
            if !part.is_empty() {
                shard.tell(now, Feed::Touched(part.into()));
            }
        }
        misses
    }

    pub(super) fn forget(&mut self, now: Timestamp, seen: &[Seen]) {
        for shard in 0..self.shards.len() {
            let mut part = self.part(seen, shard, |seen| match seen {
                Seen::Session { key, .. } => Some(&key.user),
                Seen::Node { .. } => None,
            });
            let shard = &mut self.shards[shard];
            part.retain(|seen| shard.facts.forget(seen));
            if !part.is_empty() {
                shard.tell(now, Feed::Forgotten(part.into()));
            }
        }
    }

    pub(super) fn load(&self, users: &[UserId]) -> Facts {
        let mut all = Reference::default();
        for shard in &self.shards {
            all.apply(&Feed::Facts(Arc::new(shard.facts.load(users))));
        }
        all.load(users)
    }

    /// The part of a batch that belongs to one shard.
    fn part<T: Clone>(&self, batch: &[T], shard: usize, user_of: impl Fn(&T) -> Option<&UserId>) -> Vec<T> {
        let here =
            |entry: &&T| user_of(entry).is_none_or(|user| usize::from(shard_of(user, self.count())) == shard);
        batch.iter().filter(here).cloned().collect()
    }
}

/// A hash that no other version of anything changes (FNV-1a).
pub(super) fn shard_of(user: &UserId, shards: u16) -> u16 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = user.as_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    u16::try_from(hash % u64::from(shards)).unwrap_or(0)
}
