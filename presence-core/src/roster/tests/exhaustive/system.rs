//! The system that is searched, and the events that can apply in it.

use super::process::Process;
use super::promises::Promise;
use super::store::Store;
use crate::model::{Beat, Leave, SessionId, SessionKey, UserId};
use crate::time::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub const LEASE: Duration = Duration::from_secs(8);
pub const HELD_FOR: Duration = Duration::from_secs(8);
pub const POLICY_GRACE: Duration = Duration::from_secs(2);
pub const NODE_BEATS: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);
/// Seconds without faults before a history begins, and after it.
const WARM_UP: u64 = 8;
const REPAIRED_FOR: u64 = 22;

/// The user whose session a connection of the first process holds.
pub const HELD: &str = "held";
/// The user who sends a heartbeat each second, through the first and the second process in turn.
pub const BEATS: &str = "beats";

pub fn key(user: &str) -> SessionKey {
    SessionKey { user: UserId::new(user).unwrap(), id: SessionId::new("s").unwrap() }
}

/// Events. Only the first takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// This many seconds pass.
    Pass(u64),
    /// The links of all processes fail, and stay down.
    CutAll,
    /// The link of the second process fails.
    CutSecond,
    /// All links are repaired.
    Reconnect,
    /// The store answers but refuses writes; or accepts them again.
    Refuse,
    Accept,
    /// The store restarts without any data, or with the data of some seconds ago.
    Lose,
    FailOver,
    /// The store's clock steps, once.
    Step(i64),
    /// The third process starts.
    StartThird,
    /// The first process is killed.
    Kill,
    /// The user with heartbeats falls silent, leaves, or enters again: at the second process or at
    /// two at the same instant.
    Silent,
    Leave,
    Enter,
    EnterTwice,
    /// The connection of the held user ends.
    Close,
    /// The second process makes the store forget the sessions that are gone in its view.
    Collect,
}

impl Event {
    const ALL: [Self; 20] = [
        Self::Pass(1),
        Self::Pass(4),
        Self::Pass(10),
        Self::CutAll,
        Self::CutSecond,
        Self::Reconnect,
        Self::Refuse,
        Self::Accept,
        Self::Lose,
        Self::FailOver,
        Self::Step(45_000),
        Self::Step(-45_000),
        Self::StartThird,
        Self::Kill,
        Self::Silent,
        Self::Leave,
        Self::Enter,
        Self::EnterTwice,
        Self::Close,
        Self::Collect,
    ];
}

pub struct System {
    pub now: Timestamp,
    pub store: Store,
    /// In order of their starts; `None` once killed.
    pub processes: Vec<Option<Process>>,
    pub held: Promise,
    pub beats: Promise,
    /// When the last event happened after which views may be stale.
    pub disturbed_at: Timestamp,
    ticks: u64,
}

impl System {
    pub fn new() -> Self {
        let mut system = Self {
            now: START,
            store: Store::default(),
            processes: Vec::new(),
            held: Promise::default(),
            beats: Promise::default(),
            disturbed_at: START,
            ticks: 0,
        };
        system.start();
        system.start();
        let (now, store) = (system.now, &mut system.store);
        let first = system.processes[0].as_mut().unwrap();
        first.hold(&Beat::enter(key(HELD).user, key(HELD).id), store, now);
        first.beat(&Beat::enter(key(BEATS).user, key(BEATS).id), store, now);
        system.pass(WARM_UP);
        system
    }

    fn start(&mut self) {
        let name = format!("process-{}", self.processes.len());
        let mut others = self.processes.iter().flatten().peekable();
        let is_up = others.peek().is_none() || others.any(|process| process.is_up);
        self.processes.push(Some(Process::start(&name, &self.store, is_up, self.now)));
    }

    /// The events that are possible now and have an effect.
    pub fn possible(&self) -> Vec<Event> {
        let is_up = |n: usize| self.process(n).is_some_and(|process| process.is_up);
        let can = |event: &Event| match event {
            Event::Pass(_) => true,
            Event::CutAll => self.processes.iter().flatten().any(|process| process.is_up),
            Event::CutSecond => is_up(1) && is_up(0),
            Event::Reconnect => self.processes.iter().flatten().any(|process| !process.is_up),
            Event::Refuse => !self.store.refuses,
            Event::Accept => self.store.refuses,
            Event::Lose | Event::FailOver => self.store.epoch == 0,
            Event::Step(_) => self.store.stepped == 0,
            Event::StartThird => self.processes.len() == 2,
            Event::Kill => is_up(0) || self.process(0).is_some(),
            Event::Silent | Event::Enter => !self.beats.is_over(),
            Event::Leave | Event::EnterTwice => !self.beats.is_over() && self.process(0).is_some(),
            Event::Close => !self.held.is_over(),
            Event::Collect => is_up(1) && !self.store.refuses,
        };
        Event::ALL.into_iter().filter(can).collect()
    }

    pub fn process(&self, n: usize) -> Option<&Process> {
        self.processes.get(n).and_then(Option::as_ref)
    }

    pub fn apply(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Pass(_) | Event::Silent | Event::Collect => {}
            _ => self.disturbed_at = now,
        }
        if matches!(event, Event::Lose | Event::FailOver) {
            self.held.restart();
            self.beats.restart();
        }
        let (store, processes) = (&mut self.store, &mut self.processes);
        match event {
            Event::Pass(seconds) => self.pass(seconds),
            Event::CutAll => processes.iter_mut().flatten().for_each(|process| process.is_up = false),
            Event::CutSecond => processes[1].iter_mut().for_each(|process| process.is_up = false),
            Event::Reconnect => processes.iter_mut().flatten().for_each(|process| process.is_up = true),
            Event::Refuse => store.refuses = true,
            Event::Accept => store.refuses = false,
            Event::Lose => store.lose(),
            Event::FailOver => store.fail_over(),
            Event::Step(millis) => store.stepped = millis,
            Event::StartThird => self.start(),
            Event::Kill => {
                processes[0] = None;
                self.held.fall_silent();
            }
            Event::Silent => self.beats.fall_silent(),
            Event::Leave => {
                let first = processes[0].as_mut().unwrap();
                first.leave(&Leave::new(key(BEATS).user, key(BEATS).id), store, now);
                self.beats.leave(first.roster.session(&key(BEATS)));
            }
            Event::Enter => {
                let enter = Beat::enter(key(BEATS).user, key(BEATS).id);
                processes[1].iter_mut().for_each(|process| process.beat(&enter, store, now));
            }
            Event::EnterTwice => {
                let enter = Beat::enter(key(BEATS).user, key(BEATS).id);
                processes[..2].iter_mut().flatten().for_each(|process| process.beat(&enter, store, now));
            }
            Event::Close => {
                let first = processes[0].as_mut().unwrap();
                first.close(&key(HELD), store, now);
                self.held.leave(first.roster.session(&key(HELD)));
            }
            Event::Collect => processes[1].iter_mut().for_each(|process| process.collect(store, now)),
        }
    }

    pub fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + SECOND;
            self.ticks += 1;
            self.store.keep_state();
            self.beat();
            for process in self.processes.iter_mut().flatten() {
                process.run_second(&mut self.store, self.now);
            }
            self.check_promises(SECOND);
        }
    }

    /// Sends the heartbeat of this second.
    fn beat(&mut self) {
        if self.beats.is_over() {
            return;
        }
        let turn = usize::try_from(self.ticks % 2).unwrap();
        let at = if self.process(turn).is_some() { turn } else { 1 };
        let renew = Beat::renew(key(BEATS).user, key(BEATS).id);
        if let Some(process) = &mut self.processes[at] {
            process.beat(&renew, &mut self.store, self.now);
        }
    }

    /// Repairs all faults, and runs for longer than any promise takes.
    pub fn repair(&mut self) {
        self.apply(Event::Reconnect);
        self.apply(Event::Accept);
        self.pass(REPAIRED_FOR);
        self.check_agreement();
    }

    /// Everything that future behaviour depends on, with times relative to now.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.store.outlook(self.now, &mut hasher);
        for process in &self.processes {
            process.is_some().hash(&mut hasher);
            process.iter().for_each(|process| process.outlook(self.now, &mut hasher));
        }
        self.held.outlook(&mut hasher);
        self.beats.outlook(&mut hasher);
        (self.disturbed_at.relative_to(self.now).max(-10_000), self.ticks % 2).hash(&mut hasher);
        hasher.finish()
    }
}
