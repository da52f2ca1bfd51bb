//! The promises: what must hold at every moment of every history.

use super::process::Process;
use super::world::{BEATS, HELD, HELD_FOR, LEASE, NODE_BEATS, POLICY_GRACE, World, key};
use crate::model::Session;
use crate::time::{SILENCE, Timestamp};
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// How late anything may be: what is specified to take a second shows with the next one.
const LATE: Duration = Duration::from_secs(2);
/// Connected time after which a process must know what the store has.
const SETTLED: Duration = Duration::from_secs(1);
/// Time after the last disturbance from which a connected process is fresh, and knows what the
/// others know.
const AT_PEACE: Duration = Duration::from_secs(8);
/// How long a process may be cut off alone: beyond that, the others cannot know better.
const COVERED: Duration = LEASE.saturating_sub(NODE_BEATS).saturating_sub(Duration::from_secs(2));

/// What is promised of a user.
#[derive(Default)]
pub struct Promise {
    /// How long each process has been connected since the user fell silent or left.
    silent: Option<[Duration; 3]>,
    /// The placement that was left, and whether the store has accepted that.
    left: Option<Timestamp>,
    left_for: Option<[Duration; 3]>,
    /// How long no process that holds the user has been connected while another one was.
    unheard: Duration,
    /// Remaining seconds without promises, since the user was unheard for too long.
    excused: u32,
}

impl Promise {
    /// Whether the user has fallen silent or left.
    pub fn is_over(&self) -> bool {
        self.silent.is_some()
    }

    pub fn fall_silent(&mut self) {
        self.silent.get_or_insert_default();
    }

    /// Records a leave of the user, as its process knows the session then.
    pub fn leave(&mut self, session: Option<Session>) {
        self.fall_silent();
        self.left = session.map(|session| session.placement.placed_at);
    }

    /// The store has lost its data: a process that does not know of a silence or leave writes the
    /// old state, which ages from here.
    pub fn begin_anew(&mut self) {
        self.silent = self.silent.map(|_| Default::default());
        self.left_for = self.left_for.map(|_| Default::default());
    }

    pub fn outlook(&self, into: &mut impl Hasher) {
        let most = |durations: Option<[Duration; 3]>| durations.map(|all| all.map(|it| it.min(LEASE * 4)));
        (most(self.silent), self.left.is_some(), most(self.left_for), self.unheard, self.excused).hash(into);
    }

    fn go_on(&mut self, passed: Duration, connected: [bool; 3]) {
        for all in [&mut self.silent, &mut self.left_for].into_iter().flatten() {
            for (n, connected) in connected.into_iter().enumerate() {
                all[n] += if connected { passed } else { Duration::ZERO };
            }
        }
    }

    /// Records whether the processes that hold the user could write while others could read.
    fn hear(&mut self, passed: Duration, is_heard: bool, others: bool) {
        self.excused = self.excused.saturating_sub(1);
        if is_heard {
            self.unheard = Duration::ZERO;
        } else if others {
            self.unheard = (self.unheard + passed).min(COVERED + passed);
        }
        if self.unheard > COVERED {
            self.excused = 4;
        }
    }
}

impl World {
    /// Checks all promises after `passed` more time.
    pub fn look(&mut self, passed: Duration) {
        let now = self.now;
        let since = |process: &Process| process.connected_since.map(|since| now.since(since));
        let connected: [Option<Duration>; 3] = std::array::from_fn(|n| self.process(n).and_then(since));
        let counts = connected.map(|connected| connected.is_some_and(|connected| connected > SETTLED));
        let any = connected.iter().any(Option::is_some);
        let (first, second) = (connected[0].is_some(), connected[1].is_some());
        self.held.go_on(passed, counts);
        self.held.hear(passed, first, any);
        self.beats.go_on(passed, counts);
        self.beats.hear(passed, first || second, any);
        for (user, promise) in [(HELD, &mut self.held), (BEATS, &mut self.beats)] {
            if let Some(left) = promise.left
                && promise.left_for.is_none()
            {
                let stored = self.store.session(&key(user)).map(|session| &session.placement);
                let is_taken = stored.is_some_and(|stored| stored.left.is_some() && stored.placed_at <= left);
                promise.left_for = is_taken.then(Default::default);
            }
        }
        for n in 0..self.processes.len() {
            let Some(process) = self.process(n) else { continue };
            let is_fresh = process.roster.view(now).is_fresh();
            if is_fresh {
                self.shows_the_truth(n, process);
            }
            let for_long = now.since(self.disturbed_at);
            let is_cut = connected[n].is_none() && for_long > SILENCE + LATE;
            assert!(!is_fresh || !is_cut, "F: {n} is fresh and hears nothing");
            let is_well = connected[n].is_some_and(|connected| connected > AT_PEACE) && for_long > AT_PEACE;
            assert!(is_fresh || !is_well, "F: {n} is stale and hears everything");
        }
    }

    /// Checks what a fresh view shows.
    fn shows_the_truth(&self, n: usize, process: &Process) {
        // Data that a store has lost may show for another lease.
        let more = if self.store.epoch > 0 { LEASE } else { Duration::ZERO };
        for (user, promise, lease) in [(HELD, &self.held, HELD_FOR), (BEATS, &self.beats, LEASE)] {
            let shows = process.shows(user);
            let Some(silent) = promise.silent else {
                assert!(shows || promise.excused > 0, "S: {user} is here and gone at {n}");
                continue;
            };
            assert!(!shows || silent[n] <= lease + LATE + more, "L: {user} is silent and here at {n}");
            // A placement made meanwhile survives the leave.
            let placed_at = process.roster.session(&key(user)).map(|session| session.placement.placed_at);
            if let Some(left_for) = promise.left_for.filter(|_| placed_at <= promise.left) {
                let is_due = left_for[n] > POLICY_GRACE + LATE + more;
                assert!(!shows || !is_due, "L: {user} left and is here at {n}");
            }
        }
    }

    /// Long after everything has healed, all processes and the store agree, and all outboxes are
    /// empty.
    pub fn is_calm(&self) {
        for (n, process) in self.processes.iter().enumerate().filter_map(|(n, it)| Some((n, it.as_ref()?))) {
            assert!(process.roster.view(self.now).is_fresh(), "F: {n} is stale in the end");
            assert!(!process.owes(), "{n} owes in the end");
            for (user, promise) in [(HELD, &self.held), (BEATS, &self.beats)] {
                assert_eq!(process.shows(user), !promise.is_over(), "N: {user} at {n} in the end");
                let placement = |session: Session| session.placement;
                let (here, stored) =
                    (process.roster.session(&key(user)), self.store.session(&key(user)).cloned());
                if !promise.is_over() {
                    assert_eq!(
                        here.map(placement),
                        stored.map(placement),
                        "N: {user} at {n} and in the store"
                    );
                }
            }
        }
    }
}
