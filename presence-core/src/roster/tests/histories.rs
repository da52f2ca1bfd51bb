//! Whatever happens, in whatever order: the roster shows what a naive reference makes of the same facts.
//!
//! A failure of a seeded history names its seed; `PRESENCE_SEED=n` runs that one alone.

use super::reader::Reader;
use super::reference::{Reference, Step};
use super::stage::*;
use crate::conformance::Rng;
use crate::liveness::Policy;
use crate::model::{
    Activity, Beat, Declared, Departure, Meta, Node, Session, SessionKey, Status, Stay, Topics,
};
use crate::roster::{By, Detail, Scope, Settings, Told, Undo};
use crate::store::{Facts, Seen, Touch};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

const SEEDS: u64 = 1_000;
const STEPS: usize = 60;

const USERS: [&str; 4] = ["ann", "bob", "cy", "dee"];
const SESSIONS: [&str; 3] = ["s0", "s1", "s2"];
const TOPICS: [&str; 3] = ["attic", "hall", "yard"];
const OTHERS: [&str; 2] = ["n0", "n1"];

#[test]
fn a_roster_shows_what_the_facts_say_whatever_happens() {
    let one = std::env::var("PRESENCE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(0..SEEDS, |seed| seed..seed + 1);
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
        eprintln!("{}\n{}PRESENCE_SEED={seed} shows it again", history.log.join("\n"), history.differences());
        std::panic::resume_unwind(panic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn counts_lists_and_events_equal_those_of_the_reference_for_any_interleaving(
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
    /// How far the store's time is ahead of this process's, in milliseconds.
    ahead: i64,
    /// Shards that say nothing.
    silent: BTreeSet<u16>,
    /// Processes that do not beat by themselves.
    paused: BTreeSet<&'static str>,
    /// What has ever been told, by whomever.
    told: Vec<Session>,
    steps: Vec<(Undo, Step)>,
    readers: Vec<Reader>,
    /// Since when sessions could have been let go of.
    overdue: BTreeMap<SessionKey, Timestamp>,
    log: Vec<String>,
}

impl History {
    /// Every decision comes out of one number: a step does the same whatever has been before it.
    fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let policy = Policy {
            lease_for: secs(10),
            held_for: secs(4),
            active_for: secs(6),
            grace: secs(2),
            declared_counts: rng.one_in(2),
        };
        let shards = 1 + u16::try_from(rng.below(2)).unwrap();
        let settings = Settings { policy, node: node("me"), shards, max_sessions: 1_000 };
        let stage = Stage::cut_off(|s| s.clone_from(&settings));
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
            told: Vec::new(),
            steps: Vec::new(),
            readers: Vec::new(),
            overdue: BTreeMap::new(),
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
            0..=6 => self.beat(&mut rng, key, By::Beat, shard),
            7 | 8 => self.beat(&mut rng, key, By::Connection, shard),
            9 | 10 => self.leave(&mut rng, &key),
            11 => {
                let grace = secs(rng.below(3));
                self.log.push(format!("drop {key:?} {grace:?}"));
                let told = self.stage.roster.drop_held(&key, grace, self.stage.now);
                let step = self.reference.drop_held(&key, grace);
                self.said(&mut rng, told, step);
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
                self.log.push(format!("silence or speech of {shard}"));
                if !self.silent.remove(&shard) {
                    self.silent.insert(shard);
                }
            }
            24 => {
                let other = ["me", "n0", "n1"][rng.index(3)];
                self.log.push(format!("pause or beat of {other}"));
                if !self.paused.remove(other) {
                    self.paused.insert(other);
                }
            }
            25 if rng.one_in(3) => {
                // Steps of less than a second come to nobody's attention, and are shown that much late. Steps back let
                // this process's stamps go back, so that what is not confirmed lapses twice: see `clocks`.
                self.ahead += 3_000 + i64::try_from(rng.below(9_000)).unwrap();
                self.log.push(format!("the store's clock leaps: ahead by {}", self.ahead));
            }
            26 => self.confirm(&key),
            27 => {
                let index = rng.index(self.steps.len());
                if !self.steps.is_empty() {
                    self.undo(index);
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

    // ---- what this process says

    fn beat(&mut self, rng: &mut Rng, key: SessionKey, by: By, shard: u16) {
        let stamp = self.reference.stamp();
        let mut beat =
            if rng.one_in(3) { Beat::enter(key.user, key.id) } else { Beat::renew(key.user, key.id) };
        beat.activity = match rng.below(6) {
            0 => Activity::Now,
            1 => Activity::Ago(secs(rng.below(12))),
            2 => Activity::At(stamp + secs(rng.below(10)) - secs(5)),
            _ => beat.activity,
        };
        if rng.one_in(3) {
            beat.topics = Some(some_topics(rng, None));
        }
        if rng.one_in(6) {
            beat.declares = Some(declaration(rng, stamp));
        }
        if rng.one_in(6) {
            beat.meta = Some(meta(rng));
        }
        if rng.one_in(6) {
            beat.lease = Some(Duration::from_millis(500 + rng.below(20_000)));
        }
        self.log.push(format!("{by:?} {beat:?}"));
        let told = self.stage.roster.beat(&beat, by, shard, self.stage.now).unwrap();
        let step = self.reference.beat(&beat, by, shard);
        self.said(rng, told, step);
    }

    fn leave(&mut self, rng: &mut Rng, key: &SessionKey) {
        let mut leave = crate::model::Leave::new(key.user.clone(), key.id.clone());
        if rng.one_in(3) {
            leave = leave.now();
        }
        if rng.one_in(3) {
            leave = leave.topics(some_topics(rng, None).names().cloned().collect());
        }
        if let (true, Some(known)) = (rng.one_in(3), self.reference.sessions.get(key)) {
            let placed_at = known.session.placement.placed_at;
            leave = leave.placed_at(if rng.one_in(2) { placed_at } else { placed_at - secs(1) });
        }
        self.log.push(format!("{leave:?}"));
        let told = self.stage.leave(&leave);
        let step = self.reference.leave(&leave);
        self.said(rng, told, step);
    }

    fn declare(&mut self, rng: &mut Rng, key: &SessionKey, shard: u16) {
        let declares = declaration(rng, self.reference.stamp());
        self.log.push(format!("{key:?} declares {declares:?}"));
        let told = self.stage.roster.declare(key, declares.clone(), shard, self.stage.now).unwrap();
        let step = self.reference.declare(key, declares, shard);
        self.said(rng, told, step);
    }

    /// A change is told as what it is; one in a few is refused at once.
    fn said(&mut self, rng: &mut Rng, told: Told, step: Option<Step>) {
        match (told, step) {
            (Told::Put { sessions, undo }, Some(step)) => {
                assert_eq!(self.reference.sessions[&sessions[0].key()].session, sessions[0]);
                self.told.extend(sessions);
                self.steps.push((undo, step));
                if rng.one_in(8) {
                    self.undo(self.steps.len() - 1);
                }
            }
            (Told::Put { sessions, .. }, None) => panic!("told what is no change: {sessions:?}"),
            (told, Some(step)) => panic!("a change is told as {told:?}: {step:?}"),
            (Told::Touch { touch: Touch::Session { user, id, seen_at, active_at }, .. }, None) => {
                let session = &self.reference.sessions[&SessionKey { user, id }].session;
                assert_eq!((seen_at, active_at), (session.seen_at, session.active_at));
            }
            _ => {}
        }
    }

    fn undo(&mut self, index: usize) {
        let (undo, step) = self.steps.swap_remove(index);
        self.log.push(format!("undo {undo:?}"));
        self.stage.roster.undo(&undo, self.stage.now);
        self.reference.undo(&step);
    }

    // ---- what the store says

    fn foreign(&mut self, rng: &mut Rng, key: &SessionKey, shard: u16) {
        let now = self.reference.stamp();
        let about = |rng: &mut Rng| {
            now + Duration::from_millis(rng.below(2_000)) - Duration::from_millis(rng.below(9_000))
        };
        let placed_at = about(rng);
        let by = ["me", "n0", "n1"][rng.index(3)];
        let mut session = foreign(key.user.as_str(), key.id.as_str(), by, placed_at);
        session.placement.held = rng.one_in(2);
        session.placement.lease =
            if session.placement.held { secs(1 + rng.below(9)) } else { secs(1 + rng.below(20)) };
        session.placement.topics = some_topics(rng, Some(now));
        if rng.one_in(4) {
            session.placement.meta = Some(meta(rng));
        }
        if rng.one_in(4) {
            let at = about(rng);
            session.placement.left = Some(Departure { at, ends_at: at + secs(rng.below(3)) });
        }
        if rng.one_in(4) {
            let (status, message, until) = declaration(rng, now);
            session.declared = Some(Declared { at: about(rng), status, message, until });
        }
        session.seen_at = if rng.one_in(8) { Timestamp::ZERO } else { about(rng) };
        session.active_at = about(rng);
        let id = node(OTHERS[rng.index(2)]);
        let nodes = [Node { id, seen_at: about(rng), drain_for: rng.one_in(6).then_some(secs(9)) }];
        let nodes = if rng.one_in(2) { &nodes[..] } else { &[] };
        self.merge(&[session], nodes, shard);
    }

    fn merge(&mut self, sessions: &[Session], nodes: &[Node], shard: u16) {
        self.log.push(format!("told {sessions:?} {nodes:?}"));
        self.told.extend_from_slice(sessions);
        let facts = Facts { sessions: sessions.to_vec(), nodes: nodes.to_vec() };
        let owed = self.stage.roster.merge(&facts, |_| shard, self.stage.now);
        let expected = self.reference.merge(sessions, nodes, shard);
        assert_eq!(set(owed), set(expected), "what is owed");
    }

    /// Something that was told before comes again.
    fn echo(&mut self, rng: &mut Rng) {
        if let Some(session) = self.told.get(rng.index(self.told.len())).cloned() {
            let shard = self.shard_of(&session.key());
            self.merge(&[session], &[], shard);
        }
    }

    fn touch(&mut self, rng: &mut Rng, key: SessionKey) {
        let seen_at = self.reference.stamp() - Duration::from_millis(rng.below(6_000));
        let active_at = seen_at - secs(rng.below(8));
        self.touched(Touch::Session { user: key.user, id: key.id, seen_at, active_at });
    }

    fn node_beat(&mut self, rng: &mut Rng) {
        let other = ["me", "n0", "n1"][rng.index(3)];
        let seen_at = self.reference.stamp() - Duration::from_millis(rng.below(9_000));
        let drain_for = rng.one_in(6).then(|| secs(1 + rng.below(20)));
        self.touched(Touch::Node { node: node(other), seen_at, drain_for });
    }

    fn touched(&mut self, touch: Touch) {
        self.log.push(format!("{touch:?}"));
        self.reference.touched(&touch);
        self.stage.roster.touched(&[touch], self.stage.now);
    }

    fn forget(&mut self, rng: &mut Rng, key: SessionKey) {
        let seen = if rng.one_in(5) {
            Seen::Node {
                node: node(OTHERS[rng.index(2)]),
                seen_at: self.reference.stamp() - secs(rng.below(9)),
            }
        } else {
            let Some(known) = self.reference.sessions.get(&key) else { return };
            let older = secs(rng.below(4) / 3);
            let (seen_at, placed_at) = (known.session.seen_at - older, known.session.placement.placed_at);
            Seen::Session { key, seen_at, placed_at }
        };
        self.log.push(format!("forgotten {seen:?}"));
        let owed = self.stage.roster.forgotten(std::slice::from_ref(&seen), self.stage.now);
        assert_eq!(owed, Vec::from_iter(self.reference.forgotten(&seen)));
    }

    /// The feed ended, and a new one tells everything, or some of it.
    fn resync(&mut self, rng: &mut Rng) {
        self.log.push("begin".to_owned());
        self.stage.roster.begin();
        self.reference.begin();
        let known: Vec<Session> =
            self.reference.sessions.values().map(|known| known.session.clone()).collect();
        for session in known {
            if !rng.one_in(4) {
                let shard = self.shard_of(&session.key());
                self.merge(&[session], &[], shard);
            }
        }
        if rng.one_in(5) {
            return;
        }
        for shard in 0..self.shards {
            self.sync(shard);
        }
    }

    fn begin_and_sync(&mut self, shard: u16) {
        self.stage.roster.begin();
        self.reference.begin();
        self.sync(shard);
    }

    fn sync(&mut self, shard: u16) {
        self.log.push(format!("synced {shard}"));
        let owed = self.stage.roster.synced(shard, self.stage.now);
        assert_eq!(set(owed), self.reference.synced(shard));
    }

    fn confirm(&mut self, key: &SessionKey) {
        self.log.push(format!("confirm {key:?}"));
        self.stage.roster.confirm([(&key.user, &key.id)], self.stage.now);
        self.reference.confirm(key);
    }

    // ---- time

    fn prove(&mut self) {
        let at = Timestamp::from_millis(self.stage.now.as_millis().checked_add_signed(self.ahead).unwrap());
        for shard in 0..self.shards {
            if !self.silent.contains(&shard) {
                self.stage.roster.prove(shard, at, self.stage.now);
                self.reference.prove(shard, at);
            }
        }
        self.sweep();
    }

    /// So many seconds, in each of which processes beat and the store proves its time.
    fn pass(&mut self, rng: &mut Rng, seconds: u64) {
        for _ in 0..seconds {
            // Looks are taken at ticks of a quarter second: in between, what shows is that much late.
            self.turn(1_000 - rng.below(2) * 250);
            if !self.paused.contains("me") {
                self.stage.roster.beat_node(self.stage.now);
                self.reference.beat_node();
            }
            for other in OTHERS {
                if !self.paused.contains(other) {
                    let (id, seen_at) = (node(other), self.reference.stamp());
                    let touch = Touch::Node { node: id, seen_at, drain_for: None };
                    self.reference.touched(&touch);
                    self.stage.roster.touched(&[touch], self.stage.now);
                }
            }
            self.prove();
        }
        self.turn(rng.below(2) * 250);
        self.sweep();
    }

    fn turn(&mut self, millis: u64) {
        self.stage.now = self.stage.now + Duration::from_millis(millis);
        self.reference.now = self.stage.now;
        self.log.push(format!("+{millis}"));
    }

    fn sweep(&mut self) {
        self.stage.sweep();
        // Only sessions that have been gone for twice their memory may be let go of, and must be.
        let Self { stage, reference, overdue, .. } = self;
        let gone: BTreeMap<SessionKey, Option<Duration>> =
            reference.sessions.iter().map(|(key, known)| (key.clone(), reference.gone_for(known))).collect();
        reference.sessions.retain(|key, known| {
            let twice = Policy::memory(known.session.placement.lease) * 2;
            let is_due = gone[key].is_some_and(|gone_for| gone_for >= twice);
            let is_gone = stage.roster.session(key).is_none();
            assert!(is_due || !is_gone, "{key:?} let go of after {:?}", gone[key]);
            if is_due && !is_gone {
                let since = *overdue.entry(key.clone()).or_insert(stage.now);
                assert!(stage.now.since(since) <= secs(1), "{key:?} still here after {:?}", gone[key]);
            } else {
                overdue.remove(key);
            }
            !is_gone
        });
    }

    // ---- the questions

    fn check(&mut self, rng: &mut Rng) {
        let Self { stage, reference, .. } = self;
        stage.roster.publish();
        assert_eq!(stage.roster.len(), reference.sessions.len());
        for (key, known) in &reference.sessions {
            assert_eq!(stage.roster.session(key).as_ref(), Some(&known.session));
        }
        let scopes = TOPICS.map(|name| Scope::Topic(topic(name))).into_iter().chain([Scope::All]);
        for scope in scopes {
            let state = stage.roster.scope(&scope);
            let counts = state.as_ref().map(|state| state.counts()).unwrap_or_default();
            assert_eq!(counts, reference.counts(&scope), "counts of {scope:?}");
            if rng.one_in(4)
                && let Some(state) = state
            {
                let sorted = stage.roster.read(&state, Clone::clone);
                assert_eq!(sorted, reference.sorted(&scope), "lists of {scope:?}");
            }
            for name in USERS {
                let of = user(name);
                let shown = stage.roster.member(&of, &scope, true);
                assert_eq!(shown, reference.member(&of, &scope, true), "{name} in {scope:?}");
            }
        }
        for of in reference.users() {
            let person = stage.roster.person(&of).unwrap();
            let mut member = reference.unhidden(&of, None, true);
            if reference.is_hidden(&of) {
                member.liveness = crate::Liveness::Gone;
            }
            assert_eq!((person.member, person.last_seen), (member, reference.last_seen(&of)));
        }
        for limit in [0, 1, 2, 9] {
            assert_eq!(stage.roster.top_topics(limit), reference.top_topics(limit));
        }
        for reader in self.readers.iter_mut().filter(|_| !rng.one_in(4)) {
            reader.read_all();
            let with_sessions = reader.detail() == Detail::Sessions;
            if reader.detail() == Detail::Counts {
                assert_eq!(reader.counts(), reference.counts(reader.scope()));
            } else {
                let members = reference.members(reader.scope(), with_sessions);
                assert_eq!(reader.members(), members, "{:?}", reader.scope());
            }
        }
        if rng.one_in(8) {
            let at = rng.index(self.readers.len());
            let reader = self.readers.swap_remove(at);
            let (scope, detail, id) = (reader.scope().clone(), reader.detail(), rng.next());
            reader.leave();
            self.readers.push(Reader::new(&stage.roster, &scope, detail, id));
        }
        if rng.one_in(8) {
            stage.roster.tidy(stage.now);
        }
    }

    /// The sessions of which roster and reference think differently.
    fn differences(&self) -> String {
        let mut told = String::new();
        for of in self.reference.users() {
            for examined in self.stage.roster.examine(&of, self.stage.now) {
                let known = self.reference.sessions.get(&examined.session.key());
                if known.map(|known| self.reference.liveness(known)) != Some(examined.liveness) {
                    let _ = writeln!(told, "the reference: {known:?}\nthe roster: {examined:?}");
                }
            }
        }
        told
    }

    /// Nothing more is heard of anybody: nothing remains.
    fn end(&mut self) {
        let mut rng = Rng::seeded(0);
        self.log.push("the end".to_owned());
        self.silent.clear();
        self.paused.extend(OTHERS);
        for key in self.reference.sessions.keys().cloned().collect::<Vec<_>>() {
            self.reference.drop_held(&key, Duration::ZERO);
            self.stage.roster.drop_held(&key, Duration::ZERO, self.stage.now);
        }
        // A leap backwards of the store's clock stands still for as long; held sessions of this process go with it.
        self.paused.insert("me");
        self.readers.drain(..).for_each(|reader| _ = reader.leave());
        for _ in 0..30 {
            self.pass(&mut rng, 10);
            self.stage.roster.tidy(self.stage.now);
        }
        assert_eq!((self.stage.roster.len(), self.stage.counts()), (0, (0, 0)));
        assert_eq!(self.stage.roster.topic_count(), 0);
        assert_eq!(self.stage.roster.watches.lock().len(), 0);
    }
}

fn set(keys: Vec<SessionKey>) -> BTreeSet<SessionKey> {
    keys.into_iter().collect()
}

/// Any number of topics; with a time, some of the stays have their end about then.
fn some_topics(rng: &mut Rng, ends_about: Option<Timestamp>) -> Topics {
    let chosen: Vec<&str> = TOPICS.into_iter().filter(|_| rng.one_in(2)).collect();
    let stays = chosen.into_iter().map(|name| {
        let until = ends_about.filter(|_| rng.one_in(4)).map(|at| at + secs(rng.below(6)) - secs(2));
        Stay { topic: topic(name), until }
    });
    Topics::of(stays.collect()).unwrap()
}

fn declaration(rng: &mut Rng, now: Timestamp) -> (Status, Option<crate::model::Message>, Option<Timestamp>) {
    let status = [Status::Online, Status::Away, Status::Busy, Status::Offline][rng.index(4)];
    let message = rng.one_in(4).then(|| crate::model::Message::new("back soon").unwrap());
    (status, message, rng.one_in(2).then(|| now + secs(rng.below(12))))
}

fn meta(rng: &mut Rng) -> Meta {
    Meta::new(serde_json::json!({ "n": rng.below(3) })).unwrap()
}
