//! `Stage`: a roster with time that tests advance by hand, and short helpers for its calls.

use crate::liveness::Policy;
use crate::model::{
    Beat, Leave, Membership, Node, NodeId, Placement, Session, SessionId, SessionKey, Topic, Topics, UserId,
};
use crate::roster::{BeatSource, Counts, Member, Roster, Scope, Settings, StoreWrite, SweepOutput};
use crate::store::{Facts, ForgetIf, Touch};
use crate::time::{Blind, BlindList, SILENCE, Timestamp};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The time at which every stage begins.
pub const START: Timestamp = Timestamp::from_secs(1_000_000);

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn sid(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

pub fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

pub fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

pub fn key(name: &str, session: &str) -> SessionKey {
    SessionKey { user: user(name), id: sid(session) }
}

pub fn topics(names: &[&str]) -> Topics {
    Topics::new(names.iter().map(|name| topic(name))).unwrap()
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn enter(name: &str, session: &str) -> Beat {
    Beat::enter(user(name), sid(session))
}

pub fn renew(name: &str, session: &str) -> Beat {
    Beat::renew(user(name), sid(session))
}

pub fn leave(name: &str, session: &str) -> Leave {
    Leave::new(user(name), sid(session))
}

/// A session as another process would put it.
pub fn foreign(name: &str, session: &str, by: &str, at: Timestamp) -> Session {
    Session {
        user: user(name),
        id: sid(session),
        placement: Placement {
            placed_at: at,
            left: None,
            node: node(by),
            held: false,
            lease: secs(60),
            topics: Topics::NONE,
            meta: None,
        },
        declared: None,
        seen_at: at,
        active_at: at,
    }
}

/// Like [`foreign`], held by a connection of that process.
pub fn foreign_held(name: &str, session: &str, by: &str, at: Timestamp) -> Session {
    let mut session = foreign(name, session, by, at);
    session.placement.held = true;
    session.placement.lease = secs(8);
    session
}

pub fn in_topics(session: &Session, names: &[&str]) -> Session {
    let memberships = names.iter().map(|name| Membership { topic: topic(name), until: None }).collect();
    let mut session = session.clone();
    session.placement.topics = Topics::of(memberships).unwrap();
    session
}

/// A roster whose store has the same time as the process, unless a test changes that.
pub struct Stage {
    pub roster: Roster,
    pub now: Timestamp,
    /// The newest time of each shard, and its blind stretches.
    lines: Mutex<BTreeMap<u16, (Timestamp, BlindList)>>,
}

impl Stage {
    /// A roster that is connected to an empty store.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let stage = Self::cut_off(change);
        stage.roster.begin();
        stage.roster.synced(0, stage.now);
        stage.prove(0, stage.now);
        stage
    }

    /// A roster that is not connected yet.
    pub fn cut_off(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            policy: Policy::default(),
            node: node("me"),
            shards: 1,
            max_sessions: 1_000_000,
            max_bytes: usize::MAX,
            max_topics_per_user: usize::MAX,
            remember_bytes: usize::MAX,
        };
        change(&mut settings);
        let lines = Mutex::default();
        let stage = Self { roster: Roster::new(settings, START), now: START, lines };
        stage.roster.beat_node(START);
        stage
    }

    pub fn beat(&self, beat: &Beat) -> StoreWrite {
        self.roster.beat(beat, BeatSource::Beat, 0, self.now).unwrap()
    }

    pub fn hold(&self, beat: &Beat) -> StoreWrite {
        self.roster.beat(beat, BeatSource::Connection, 0, self.now).unwrap()
    }

    pub fn leave(&self, leave: &Leave) -> StoreWrite {
        self.roster.leave(leave, self.now)
    }

    /// Advances by whole seconds. In each, this process sends a heartbeat, the store proves its
    /// time, and due sessions are checked.
    pub fn pass(&mut self, seconds: u64) -> SweepOutput {
        let mut all = SweepOutput::default();
        for _ in 0..seconds {
            self.now = self.now + secs(1);
            self.roster.beat_node(self.now);
            self.prove(0, self.now);
            let swept = self.sweep();
            all.touch.extend(swept.touch);
            all.forget.extend(swept.forget);
        }
        all
    }

    /// Proves a shard's time `at`: if more than three seconds have passed since the last proof, the
    /// time between is blind.
    pub fn prove(&self, shard: u16, at: Timestamp) -> BlindList {
        let mut lines = self.lines.lock();
        let (last, blind) = lines.entry(shard).or_insert_with(|| (at, BlindList::default()));
        if at.since(*last) > SILENCE {
            blind.add(Blind { from: *last, to: at });
        }
        *last = at.max(*last);
        self.roster.prove(shard, at, blind.as_slice(), self.now);
        blind.clone()
    }

    /// Advances by whole seconds without proofs of the store.
    pub fn pass_blind(&mut self, seconds: u64) -> SweepOutput {
        let mut all = SweepOutput::default();
        for _ in 0..seconds {
            self.now = self.now + secs(1);
            self.roster.beat_node(self.now);
            let swept = self.sweep();
            all.touch.extend(swept.touch);
            all.forget.extend(swept.forget);
        }
        all
    }

    /// Checks all due sessions.
    pub fn sweep(&self) -> SweepOutput {
        let mut all = SweepOutput::default();
        loop {
            let swept = self.roster.sweep(self.now, 4_096);
            all.touch.extend(swept.touch);
            all.forget.extend(swept.forget);
            if !swept.more {
                return all;
            }
        }
    }

    pub fn merge(&self, sessions: &[Session]) -> Vec<SessionKey> {
        self.merge_with(sessions, &[])
    }

    pub fn merge_with(&self, sessions: &[Session], nodes: &[Node]) -> Vec<SessionKey> {
        let facts = Facts { sessions: sessions.to_vec(), nodes: nodes.to_vec(), ..Facts::default() };
        self.roster.merge(&facts, |_| 0, self.now)
    }

    pub fn node_beats(&self, id: &str) {
        self.node_beat(id, self.now, None);
    }

    pub fn node_beat(&self, id: &str, seen_at: Timestamp, drain_for: Option<Duration>) {
        self.roster.touched(&[Touch::Node { node: node(id), seen_at, drain_for }], self.now);
    }

    pub fn touched(&self, name: &str, session: &str, seen_at: Timestamp) {
        let (user, id) = (user(name), sid(session));
        self.roster.touched(&[Touch::Session { user, id, seen_at, active_at: seen_at }], self.now);
    }

    pub fn forgotten(&self, name: &str, session: &str, seen_at: Timestamp) -> Vec<SessionKey> {
        let seen = ForgetIf::Session { key: key(name, session), seen_at, placed_at: seen_at };
        self.roster.forgotten(&[seen], self.now)
    }

    pub fn counts(&self) -> (u32, u32) {
        both(self.roster.counts())
    }

    pub fn counts_in(&self, name: &str) -> (u32, u32) {
        self.roster.scope(&Scope::Topic(topic(name))).map_or((0, 0), |scope| both(scope.counts()))
    }

    pub fn shows(&self, name: &str) -> Option<Member> {
        self.roster.member(&user(name), &Scope::All, true)
    }

    pub fn is_here(&self, name: &str) -> bool {
        self.shows(name).is_some()
    }

    pub fn session(&self, name: &str, session: &str) -> Option<Session> {
        self.roster.session(&key(name, session))
    }

    pub fn listed(&self, scope: &Scope) -> BTreeSet<UserId> {
        let Some(state) = self.roster.scope(scope) else { return BTreeSet::new() };
        self.roster.read(&state, |sorted| sorted.active.iter().chain(&sorted.idle).cloned().collect())
    }
}

fn both(counts: Counts) -> (u32, u32) {
    (counts.online, counts.active)
}

impl Roster {
    /// Sets the number of sessions from which on a user gets indexes.
    pub(super) fn index_from(&self, sessions: usize) {
        self.shards.iter().for_each(|shard| shard.lock().index_from = sessions);
    }

    /// Recounts the bytes of all sessions, the visible bytes and the visible sessions.
    pub(super) fn recount(&self) -> (usize, usize, usize) {
        let (mut bytes, mut shown_bytes) = self.topics.recount();
        let mut shown_sessions = 0;
        self.walk(Timestamp::ZERO, |locked, at, _| {
            let slot = &locked.slots[at];
            bytes += slot.counted_bytes();
            if slot.shown().is_live() {
                shown_bytes += slot.counted_bytes();
                shown_sessions += 1;
            }
        });
        (bytes, shown_bytes, shown_sessions)
    }
}
