//! The store of the search: the contract in its simplest form, with the production time line.

use super::system::START;
use crate::SessionKey;
use crate::conformance::Reference;
use crate::model::Session;
use crate::store::{Facts, FeedEvent, ForgetIf, Touch};
use crate::time::{Ask, Blind, TimeLine, Timestamp};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// How many seconds a failover loses.
const TAIL: usize = 4;

/// The part of the state that a loss of data affects.
#[derive(Clone, Default)]
struct Data {
    facts: Reference,
    line: Option<TimeLine>,
}

#[derive(Default)]
pub struct Store {
    data: Data,
    /// The states one second ago, two seconds ago, and so on.
    before: VecDeque<Data>,
    /// The epoch of the data.
    pub epoch: u64,
    /// The events of this epoch.
    log: Vec<FeedEvent>,
    /// Whether the store answers but refuses writes.
    pub refuses: bool,
    /// How many milliseconds its clock has stepped.
    pub stepped: i64,
}

impl Store {
    /// Runs one second of the store.
    pub fn keep_state(&mut self) {
        self.before.push_front(self.data.clone());
        self.before.truncate(TAIL);
    }

    /// Loses all data.
    pub fn lose(&mut self) {
        self.fall_back(Data::default());
    }

    /// Falls back to the data of some seconds ago.
    pub fn fail_over(&mut self) {
        let replica = self.before.back().cloned().unwrap_or_default();
        self.fall_back(replica);
    }

    fn fall_back(&mut self, data: Data) {
        self.data = data;
        self.before.clear();
        self.log.clear();
        self.epoch += 1;
    }

    fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add_signed(self.stepped))
    }

    pub fn facts(&self) -> Facts {
        self.data.facts.all()
    }

    pub fn session(&self, key: &SessionKey) -> Option<&Session> {
        self.data.facts.sessions.get(key)
    }

    /// The events from this number on.
    pub fn events_from(&self, next: usize) -> &[FeedEvent] {
        self.log.get(next..).unwrap_or_default()
    }

    pub fn log_length(&self) -> usize {
        self.log.len()
    }

    /// The time for a handle that reckons `reckoned`, without a write.
    pub fn now(&self, reckoned: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let clock = self.clock(now);
        let line = self.data.line.as_ref();
        line.map_or(clock.max(reckoned.unwrap_or_default()), |line| line.reckon(reckoned, clock))
    }

    /// Proves its time, if it accepts writes.
    pub fn prove(&mut self, ask: &Ask, now: Timestamp) -> Option<(Timestamp, Vec<Blind>)> {
        if self.refuses {
            return None;
        }
        let clock = self.clock(now);
        match &mut self.data.line {
            Some(line) => line.advance(ask, clock),
            line => *line = Some(TimeLine::begin(ask, clock)),
        }
        self.data.line.as_ref().map(|line| (line.at, line.blind.as_slice().to_vec()))
    }

    pub fn put(&mut self, session: &Session) {
        self.data.facts.put(session);
        let facts = self.data.facts.facts(vec![session.clone()]);
        self.log.push(FeedEvent::Facts(Arc::new(facts)));
    }

    /// Returns the session's key if it is missing or has departed.
    pub fn touch(&mut self, touch: &Touch) -> Option<SessionKey> {
        let miss = self.data.facts.touch(touch);
        if miss.as_ref().is_none_or(|key| self.session(key).is_some()) {
            self.log.push(FeedEvent::Touched([touch.clone()].into()));
        }
        miss
    }

    pub fn forget(&mut self, seen: &ForgetIf) {
        if self.data.facts.forget(seen) {
            self.log.push(FeedEvent::Forgotten([seen.clone()].into()));
        }
    }

    /// Everything that future behaviour depends on, with times relative to `now`.
    pub fn outlook(&self, now: Timestamp, into: &mut impl Hasher) {
        (self.refuses, self.stepped, self.epoch, self.before.len()).hash(into);
        for data in std::iter::once(&self.data).chain(&self.before) {
            for session in data.facts.sessions.values() {
                outlook_of(session, now, into);
            }
            for node in data.facts.nodes.values() {
                (node.id.as_str(), node.seen_at.relative_to(now)).hash(into);
            }
            if let Some(line) = &data.line {
                (line.at.relative_to(now), line.born.relative_to(now)).hash(into);
                for blind in line.blind.as_slice() {
                    (blind.from.relative_to(now), blind.to.relative_to(now)).hash(into);
                }
            }
        }
    }
}

/// A session, with times relative to `now`.
pub fn outlook_of(session: &Session, now: Timestamp, into: &mut impl Hasher) {
    let placement = &session.placement;
    let left = placement.left.map(|left| (left.at.relative_to(now), left.ends_at.relative_to(now)));
    (session.user.as_str(), session.seen_at.relative_to(now), session.active_at.relative_to(now)).hash(into);
    (placement.placed_at.relative_to(now), left, placement.held, placement.node.as_str()).hash(into);
    debug_assert!(placement.placed_at >= START);
}
