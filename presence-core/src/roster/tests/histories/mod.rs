//! Random histories: in any order of events, the roster shows what a naive reference derives from
//! the same facts.
//!
//! A failure prints its seed; `PRESENCE_SEED=n` runs that one alone, `PRESENCE_SEEDS=n`
//! the first n.

mod inbound;
mod queries;
mod store;
mod time;

use super::reader::Reader;
use super::reference::{Reference, Step};
use super::stage::*;
use crate::conformance::Rng;
use crate::liveness::{DeclaredOnly, LastSeen, Policy};
use crate::model::{
    Activity, Beat, Declaration, Departure, Membership, Meta, Node, Session, SessionKey, Status, Topics,
    UserId,
};
use crate::roster::sessions::user_indexes::INDEX_FROM;
use crate::roster::{BeatSource, Counts, Detail, Member, Revision, Rollback, Scope, Settings, StoreWrite};
use crate::store::{Facts, ForgetIf, Touch};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Number of histories by default.
const SEEDS: u64 = 240;
const STEPS: usize = 60;

const USERS: [&str; 4] = ["ann", "bob", "cy", "dee"];
const SESSIONS: [&str; 3] = ["s0", "s1", "s2"];
const TOPICS: [&str; 3] = ["attic", "hall", "yard"];
const OTHERS: [&str; 2] = ["n0", "n1"];

#[test]
fn a_roster_matches_its_facts_in_any_history() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let seeds = number("PRESENCE_SEED");
    let seeds = seeds.map_or(0..number("PRESENCE_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    std::thread::scope(|scope| {
        for part in 0..2 {
            let seeds = seeds.clone().filter(move |seed| seed % 2 == part);
            scope.spawn(move || seeds.for_each(run));
        }
    });
}

fn run(seed: u64) {
    let mut rng = Rng::seeded(seed);
    let mut history = History::new(rng.next());
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            history.step(rng.next());
        }
        if seed.is_multiple_of(4) {
            history.end();
        }
    }));
    if let Err(panic) = played {
        eprintln!("{}\n{}PRESENCE_SEED={seed} reproduces it", history.log.join("\n"), history.differences());
        std::panic::resume_unwind(panic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn counts_lists_and_events_match_the_reference_in_any_history(
        world in any::<u64>(),
        steps in prop::collection::vec(any::<u64>(), 0..100),
    ) {
        let mut history = History::new(world);
        for step in steps {
            history.step(step);
        }
    }
}

struct History {
    stage: Stage,
    reference: Reference,
    shards: u16,
    /// Offset of the store's time to this process's, in milliseconds.
    ahead: i64,
    /// Shards that deliver nothing.
    silent: BTreeSet<u16>,
    /// Processes that send no heartbeats by themselves.
    paused: BTreeSet<&'static str>,
    /// All sessions ever delivered or written.
    delivered: Vec<Session>,
    steps: Vec<(Box<Rollback>, Step)>,
    readers: Vec<Reader>,
    /// What scopes showed at their revisions.
    revisions: HashMap<Revision, (Counts, BTreeMap<UserId, Member>)>,
    /// Since when each session may be dropped.
    droppable: BTreeMap<SessionKey, Timestamp>,
    log: Vec<String>,
}

impl History {
    /// Every decision is derived from one seed, so that a step does the same whatever preceded it.
    fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let policy = Policy {
            lease_for: secs(10),
            held_for: secs(4),
            active_for: secs(6),
            grace: secs(2),
            declared_only: if rng.one_in(2) { DeclaredOnly::Alive } else { DeclaredOnly::Gone },
            remember_for: None,
            last_seen: LastSeen::Exact,
        };
        let shards = 1 + u16::try_from(rng.below(2)).unwrap();
        let settings = Settings {
            policy,
            node: node("me"),
            shards,
            max_sessions: 1_000,
            max_bytes: usize::MAX,
            max_topics_per_user: usize::MAX,
            remember_bytes: usize::MAX,
        };
        let stage = Stage::cut_off(|s| s.clone_from(&settings));
        // The number of sessions from which users get indexes must not matter.
        stage.roster.index_from([2, 3, INDEX_FROM][rng.index(3)]);
        let mut reference = Reference::new(&settings, stage.now);
        reference.beat_node();
        let ahead = i64::try_from(rng.below(200_000)).unwrap() - 100_000;
        let mut history = Self {
            stage,
            reference,
            shards,
            ahead,
            silent: BTreeSet::new(),
            paused: BTreeSet::new(),
            delivered: Vec::new(),
            steps: Vec::new(),
            readers: Vec::new(),
            revisions: HashMap::new(),
            droppable: BTreeMap::new(),
            log: vec![format!("{shards} shards, ahead by {ahead}")],
        };
        if !rng.one_in(4) {
            for shard in 0..shards {
                history.begin_and_sync(shard);
            }
            history.prove();
        }
        let users = Scope::users([user("ann"), user("bob")]);
        let watched = [
            (Scope::All, Detail::Members),
            (Scope::All, Detail::Sessions),
            (Scope::All, Detail::Counts),
            (Scope::Topic(topic("hall")), Detail::Members),
            (Scope::Topic(topic("hall")), Detail::Sessions),
            (Scope::Topic(topic("attic")), Detail::Counts),
            (users, Detail::Sessions),
        ];
        for (id, (scope, detail)) in watched.into_iter().enumerate() {
            history.readers.push(Reader::new(&history.stage.roster, &scope, detail, id as u64));
        }
        history
    }

    fn shard_of(&self, key: &SessionKey) -> u16 {
        u16::try_from(key.user.as_str().len()).unwrap() % self.shards
    }

    fn step(&mut self, step: u64) {
        let mut rng = Rng::seeded(step);
        let key = key(USERS[rng.index(USERS.len())], SESSIONS[rng.index(SESSIONS.len())]);
        let shard = self.shard_of(&key);
        match rng.below(32) {
            0..=6 => self.beat(&mut rng, &key, BeatSource::Beat, shard),
            7 | 8 => self.beat(&mut rng, &key, BeatSource::Connection, shard),
            9 | 10 => self.leave(&mut rng, &key),
            11 => {
                let grace = secs(rng.below(3));
                self.log.push(format!("drop {key:?} {grace:?}"));
                let write = self.stage.roster.drop_held(&key, grace, self.stage.now);
                let step = self.reference.drop_held(&key, grace);
                self.check_write(&mut rng, &key, write, step);
            }
            12 => self.declare(&mut rng, &key, shard),
            13..=16 => self.foreign(&mut rng, &key, shard),
            17 => self.echo(&mut rng),
            18 | 19 => self.touch(&mut rng, key),
            20 => self.node_beat(&mut rng),
            21 => self.forget(&mut rng, key),
            22 => self.resync(&mut rng),
            23 => {
                let shard = u16::try_from(rng.below(self.shards.into())).unwrap();
                self.log.push(format!("shard {shard} stops or resumes"));
                if !self.silent.remove(&shard) {
                    self.silent.insert(shard);
                }
            }
            24 => {
                let other = ["me", "n0", "n1"][rng.index(3)];
                self.log.push(format!("node {other} pauses or resumes"));
                if !self.paused.remove(other) {
                    self.paused.insert(other);
                }
            }
            25 if rng.one_in(3) => {
                // The clock only steps ahead, by at least three seconds. A smaller step would delay
                // visible changes. After a step back, this process's times go back too, and
                // unconfirmed sessions lapse twice: see `clocks`.
                self.ahead += 3_000 + i64::try_from(rng.below(9_000)).unwrap();
                self.log.push(format!("the store's clock steps: ahead by {}", self.ahead));
            }
            26 => self.confirm(&key),
            27 => {
                let index = rng.index(self.steps.len());
                if !self.steps.is_empty() {
                    self.roll_back(index);
                }
            }
            28 if rng.one_in(12) => {
                let reconnect_in = secs(1 + rng.below(20));
                self.log.push(format!("drain {reconnect_in:?}"));
                self.stage.roster.drain(reconnect_in, self.stage.now);
                self.reference.drain(reconnect_in);
            }
            29 => self.pass(&mut rng, 4 + step % 40),
            _ => {}
        }
        let ticks = rng.below(4);
        self.pass(&mut rng, ticks);
        self.check(&mut rng);
    }
}

fn set(keys: Vec<SessionKey>) -> BTreeSet<SessionKey> {
    keys.into_iter().collect()
}

/// A random list of topics; if `ends_about` is set, some memberships end about then.
fn some_topics(rng: &mut Rng, ends_about: Option<Timestamp>) -> Topics {
    let chosen: Vec<&str> = TOPICS.into_iter().filter(|_| rng.one_in(2)).collect();
    let memberships = chosen.into_iter().map(|name| {
        let until = ends_about.filter(|_| rng.one_in(4)).map(|at| at + secs(rng.below(6)) - secs(2));
        Membership { topic: topic(name), until }
    });
    Topics::of(memberships.collect()).unwrap()
}

fn declaration(rng: &mut Rng, now: Timestamp) -> Declaration {
    let status = [Status::Online, Status::Away, Status::Busy, Status::Offline][rng.index(4)];
    let message = rng.one_in(4).then(|| crate::model::Message::new("back soon").unwrap());
    let until = rng.one_in(2).then(|| now + secs(rng.below(12)));
    Declaration::new(status).message(message).until(until)
}

fn meta(rng: &mut Rng) -> Meta {
    Meta::new(serde_json::json!({ "n": rng.below(3) })).unwrap()
}
