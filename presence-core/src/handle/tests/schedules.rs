//! Random schedules of faults of the store, its clock and its links, with processes that start at
//! any moment. A fresh view shows all users who send heartbeats, and none who stopped.
//!
//! A failure prints its seed; `PRESENCE_SEED=n` runs that one alone, `PRESENCE_SEEDS=n`
//! the first n.

mod events;

use super::*;
use crate::conformance::Rng;
use crate::random::seeded;
use crate::{Clock, Hold};
use async_trait::async_trait;
use events::{Event, random_events};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

const SEEDS: u64 = 24;
const LEASE: Duration = secs(20);
const GRACE: Duration = secs(5);
/// Length of a schedule; all faults end before that.
const LENGTH: Duration = secs(130);
const CALM_AFTER: Duration = secs(110);
const USERS: usize = 6;
const TICK: Duration = Duration::from_millis(50);
/// Allowed delay of a visible change, because of sweeps, checks and slow calls.
const LATE: Duration = secs(2);

/// The runtime's paused time as the clock of all processes: timeouts, backoff and
/// leases advance together.
#[derive(Debug, Clone)]
struct Paused(Instant);

#[async_trait]
impl Clock for Paused {
    fn now(&self) -> Timestamp {
        START + self.0.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }
}

struct Process {
    presence: Presence,
    store: ReferenceStore,
    /// The permanent connection of the process.
    _hold: Hold,
    held: String,
    started: Instant,
    is_cut: bool,
    /// Since when the process's link is up and the store accepts writes.
    connected: Option<Instant>,
}

#[derive(Default)]
struct User {
    began: Option<Instant>,
    next: Duration,
    /// How long each process has been connected since the user fell silent.
    silent: Option<Vec<Duration>>,
    /// Whether the store accepted a leave, and how long each process has been connected since.
    left: Arc<AtomicBool>,
    left_for: Vec<Duration>,
}

struct Schedule {
    rng: Rng,
    clock: Paused,
    store: ReferenceStore,
    processes: Vec<Process>,
    users: Vec<User>,
    is_refused: bool,
    /// Whether the store has lost data: users who were silent by then may be shown
    /// for another lease.
    has_lost: bool,
}

impl Schedule {
    async fn run(seed: u64) {
        let mut rng = Rng::seeded(seed);
        // Makes the names of processes and the jitter reproducible as well.
        seeded::start(seed);
        let clock = Paused(Instant::now());
        let store = ReferenceStore::with_shards(clock.clone(), 1 + u16::try_from(rng.below(2)).unwrap());
        store.faults().delay(rng.next());
        let events = random_events(&mut rng);
        let users = (0..USERS).map(|_| User::default()).collect();
        let (processes, is_refused, has_lost) = (Vec::new(), false, false);
        let mut run = Self { rng, clock, store, processes, users, is_refused, has_lost };
        run.start();
        run.start();
        let mut events = events.into_iter().peekable();
        let begins = Instant::now();
        let mut ticks = 0_u32;
        while begins.elapsed() < LENGTH {
            while let Some((at, event)) = events.next_if(|(at, _)| *at <= begins.elapsed()) {
                run.apply(event);
                eprintln!("{at:?} {event:?}"); // Shown with a failure.
            }
            run.beat(begins.elapsed());
            tokio::time::sleep(TICK).await;
            ticks += 1;
            if ticks.is_multiple_of(5) {
                run.check_promises(TICK * 5, begins.elapsed());
            }
        }
    }

    fn start(&mut self) {
        let store = self.store.clone();
        let policy = Policy::default().lease_for(LEASE).grace(GRACE);
        let presence =
            Presence::builder(store.share()).policy(policy).clock(self.clock.clone()).start().unwrap();
        let held = format!("held-{}", self.processes.len());
        let hold = presence.hold(enter(&held, "s")).unwrap();
        let is_cut = self.processes.iter().all(|process| process.is_cut) && !self.processes.is_empty();
        if is_cut {
            store.cut_off();
        }
        let started = Instant::now();
        self.processes.push(Process { presence, store, _hold: hold, held, started, is_cut, connected: None });
    }

    fn apply(&mut self, event: Event) {
        let faults = self.store.faults();
        match event {
            Event::Cut(who) => {
                for (n, process) in self.processes.iter_mut().enumerate() {
                    if who.is_none_or(|who| who == n) {
                        process.store.cut_off();
                        process.is_cut = true;
                    }
                }
            }
            Event::Stall => self.processes.iter_mut().for_each(|process| {
                process.store.stall();
                process.is_cut = true;
            }),
            Event::Reconnect => self.processes.iter_mut().for_each(|process| {
                process.store.reconnect();
                process.is_cut = false;
            }),
            Event::Refuse => {
                self.is_refused = true;
                faults.refuse_writes();
            }
            Event::Accept => {
                self.is_refused = false;
                faults.accept_writes();
            }
            Event::Step(millis) => faults.jump_clock(millis),
            Event::StopReplication => faults.stop_replication(),
            Event::FailOver => {
                self.has_lost = true;
                faults.fail_over();
            }
            Event::Empty => {
                self.has_lost = true;
                faults.come_back_empty();
            }
            Event::StartProcess => self.start(),
            Event::Silent(who) => self.users[who].silent = Some(Vec::new()),
            Event::Leave(who) => {
                if self.users[who].began.is_none() || self.users[who].silent.is_some() {
                    return;
                }
                self.users[who].silent = Some(Vec::new());
                let (presence, left) =
                    (self.processes[0].presence.clone(), Arc::clone(&self.users[who].left));
                tokio::spawn(async move {
                    let outcome = presence.leave(leave(&format!("user-{who}"), "tab")).await;
                    left.store(outcome.is_ok(), Ordering::Relaxed);
                });
            }
        }
    }

    /// Sends the heartbeats of all users who are not silent, mostly through the same
    /// process for each.
    fn beat(&mut self, now: Duration) {
        for (n, user) in self.users.iter_mut().enumerate() {
            if user.silent.is_some() || now < user.next || now < secs(1) {
                continue;
            }
            user.next = now + LEASE.mul_f64(0.36) + Duration::from_millis(self.rng.below(1_600));
            user.began.get_or_insert_with(Instant::now);
            let home = if self.rng.one_in(10) { self.rng.index(self.processes.len()) } else { n % 2 };
            let presence = self.processes[home].presence.clone();
            tokio::spawn(async move { presence.beat(renew(&format!("user-{n}"), "tab")).await });
        }
    }

    fn check_promises(&mut self, passed: Duration, at: Duration) {
        let more = if self.has_lost { LEASE } else { Duration::ZERO };
        let names: Vec<(String, Instant)> =
            self.processes.iter().map(|process| (process.held.clone(), process.started)).collect();
        for (n, process) in self.processes.iter_mut().enumerate() {
            let up = !process.is_cut && !self.is_refused;
            let since = up.then(|| process.connected.unwrap_or_else(Instant::now));
            process.connected = since;
            let counts = since.is_some_and(|since| since.elapsed() > secs(1));
            let fresh = process.presence.health().view.is_fresh();
            for (who, user) in self.users.iter_mut().enumerate() {
                let shows = liveness(&process.presence, &format!("user-{who}")).is_live();
                let Some(silent) = &mut user.silent else {
                    let known = user.began.is_some_and(|began| began.elapsed() > secs(3));
                    assert!(
                        !fresh || !known || shows,
                        "S: user-{who} sends heartbeats and is gone at {n}, {at:?}"
                    );
                    continue;
                };
                silent.resize(silent.len().max(n + 1), Duration::ZERO);
                silent[n] += if counts { passed } else { Duration::ZERO };
                assert!(
                    !fresh || !shows || silent[n] <= LEASE + LATE + more,
                    "L: user-{who} is silent and shown at {n} after {:?}, {at:?}",
                    silent[n]
                );
                if user.left.load(Ordering::Relaxed) {
                    user.left_for.resize(user.left_for.len().max(n + 1), Duration::ZERO);
                    user.left_for[n] += if counts { passed } else { Duration::ZERO };
                    assert!(
                        !fresh || !shows || user.left_for[n] <= GRACE + LATE + more,
                        "L: user-{who} left and is shown at {n} after {:?}, {at:?}",
                        user.left_for[n]
                    );
                }
            }
            for (held, started) in &names {
                let known = started.elapsed() > secs(10);
                let shows = liveness(&process.presence, held).is_live();
                assert!(!fresh || !known || shows, "S: {held} is held and gone at {n}, {at:?}");
            }
        }
        if at >= CALM_AFTER + secs(10) {
            assert!(
                self.processes.iter().all(|process| process.presence.health().view.is_fresh()),
                "F: {at:?}"
            );
        }
    }
}

#[test]
fn a_fresh_view_shows_users_with_heartbeats_and_no_silent_ones_in_any_schedule() {
    let number = |name| std::env::var(name).ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds =
        number("PRESENCE_SEED").map_or(0..number("PRESENCE_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let mut failed: Vec<u64> = Vec::new();
    for seed in seeds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let played = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(Schedule::run(seed))));
        seeded::stop();
        if played.is_err() {
            eprintln!("PRESENCE_SEED={seed} reproduces it");
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "seeds that break a promise: {failed:?}");
}
