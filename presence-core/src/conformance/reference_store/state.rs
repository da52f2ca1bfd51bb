//! The state of the reference store, and the effect of each method.

use super::faults::Plan;
use super::{Calls, Reference};
use crate::model::{Session, UserId, UserRecord};
use crate::store::{Error, Facts, FeedEvent, ForgetIf, Kind, Misses, Result, Touch};
use crate::time::{Ask, Blind, TimeLine, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Most events that a shard keeps for its readers. The feed of a reader that is
/// further behind ends.
const LOG: usize = 16_384;

#[derive(Debug)]
pub(super) struct State {
    pub(super) shards: Vec<Shard>,
    pub(super) plan: Plan,
    pub(super) calls: Calls,
}

/// One shard of the store, with its epoch and its log.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) facts: Reference,
    pub(super) epoch: Arc<str>,
    /// The number of the first event in `log`.
    pub(super) first: u64,
    /// The time of the shard, once a proof was requested.
    pub(super) line: Option<TimeLine>,
    /// Events with the time of their writing, by the store's clock.
    pub(super) log: VecDeque<(Timestamp, FeedEvent)>,
}

impl Shard {
    pub(super) fn new() -> Self {
        let mut shard = Self {
            facts: Reference::default(),
            epoch: "".into(),
            first: 0,
            line: None,
            log: VecDeque::new(),
        };
        shard.renew_epoch();
        shard
    }

    pub(super) fn renew_epoch(&mut self) {
        self.epoch = format!("{:016x}", crate::random::u64()).into();
    }

    pub(super) fn lose_all(&mut self) {
        self.facts = Reference::default();
        self.line = None;
        self.renew_epoch();
    }

    /// Advances the shard's time to now for a handle that asks; returns the time and
    /// the blind stretches.
    pub(super) fn prove(&mut self, ask: &Ask, clock: Timestamp) -> (Timestamp, Arc<[Blind]>) {
        match &mut self.line {
            Some(line) => line.advance(ask, clock),
            line => *line = Some(TimeLine::begin(ask, clock)),
        }
        self.line.as_ref().map(|line| (line.at, line.blind.as_slice().into())).unwrap_or_default()
    }

    fn append(&mut self, now: Timestamp, message: FeedEvent) {
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

    pub(super) fn put(&mut self, now: Timestamp, sessions: &[Session]) -> Result<()> {
        let mut refused = false;
        for shard in 0..self.shards.len() {
            let part = self.part(sessions, shard, &mut refused, |session| Some(&session.user));
            let shard = &mut self.shards[shard];
            for session in &part {
                shard.facts.put(session);
            }
            if !part.is_empty() {
                let facts = shard.facts.facts(part);
                shard.append(now, FeedEvent::Facts(Arc::new(facts)));
            }
        }
        done((), refused)
    }

    pub(super) fn touch(&mut self, now: Timestamp, touches: &[Touch]) -> Result<Misses> {
        let (mut misses, mut refused) = (Misses::new(), false);
        for shard in 0..self.shards.len() {
            let mut part = self.part(touches, shard, &mut refused, |touch| match touch {
                Touch::Session { user, .. } => Some(user),
                Touch::Node { .. } => None,
            });
            let shard = &mut self.shards[shard];
            part.retain(|touch| {
                let miss = shard.facts.touch(touch);
                let is_present = miss.as_ref().is_none_or(|key| shard.facts.sessions.contains_key(key));
                misses.extend(miss);
                is_present
            });
            if !part.is_empty() {
                shard.append(now, FeedEvent::Touched(part.into()));
            }
        }
        done(misses, refused)
    }

    pub(super) fn remember(&mut self, now: Timestamp, users: &[UserRecord]) -> Result<()> {
        let mut refused = false;
        for shard in 0..self.shards.len() {
            let part = self.part(users, shard, &mut refused, |record| Some(&record.user));
            let shard = &mut self.shards[shard];
            for record in &part {
                shard.facts.remember(record);
            }
            if !part.is_empty() {
                shard.append(now, FeedEvent::Facts(Arc::new(Facts { users: part, ..Facts::default() })));
            }
        }
        done((), refused)
    }

    pub(super) fn forget(&mut self, now: Timestamp, seen: &[ForgetIf]) -> Result<()> {
        let mut refused = false;
        for shard in 0..self.shards.len() {
            let mut part = self.part(seen, shard, &mut refused, |seen| match seen {
                ForgetIf::Session { key, .. } => Some(&key.user),
                ForgetIf::User(record) => Some(&record.user),
                ForgetIf::Node { .. } => None,
            });
            let shard = &mut self.shards[shard];
            part.retain(|seen| shard.facts.forget(seen));
            if !part.is_empty() {
                shard.append(now, FeedEvent::Forgotten(part.into()));
            }
        }
        done((), refused)
    }

    /// The time of the first shard, for a handle that reckons `reckoned` while the store's clock is
    /// at `on`.
    pub(super) fn now(&self, reckoned: Option<Timestamp>, on: Timestamp) -> Timestamp {
        let clock = self.plan.clock_of(0, on);
        let line = self.shards.first().and_then(|shard| shard.line.as_ref());
        line.map_or(clock.max(reckoned.unwrap_or_default()), |line| line.reckon(reckoned, clock))
    }

    pub(super) fn load(&self, users: &[UserId]) -> Facts {
        let mut all = Reference::default();
        for shard in &self.shards {
            all.apply(&FeedEvent::Facts(Arc::new(shard.facts.load(users))));
        }
        all.load(users)
    }

    /// The part of a batch that belongs to one shard; empty if the shard refuses writes.
    fn part<T: Clone>(
        &self,
        batch: &[T],
        shard: usize,
        refused: &mut bool,
        user_of: impl Fn(&T) -> Option<&UserId>,
    ) -> Vec<T> {
        let here =
            |entry: &&T| user_of(entry).is_none_or(|user| usize::from(shard_of(user, self.count())) == shard);
        let mut part: Vec<T> = batch.iter().filter(here).cloned().collect();
        if self.plan.refuses.iter().any(|refuses| usize::from(*refuses) == shard) {
            *refused |= !part.is_empty();
            part.clear();
        }
        part
    }
}

fn done<T>(done: T, refused: bool) -> Result<T> {
    if refused { Err(Error::new(Kind::Unavailable, "the store takes no writes")) } else { Ok(done) }
}

pub(super) fn shard_of(user: &UserId, shards: u16) -> u16 {
    u16::try_from(crate::hash::stable(0, user.as_str()) % u64::from(shards)).unwrap_or(0)
}
