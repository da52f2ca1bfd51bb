//! The promises that must hold at every moment of every history.

use super::process::Process;
use super::system::{BEATS, HELD, HELD_FOR, LEASE, NODE_BEATS, POLICY_GRACE, System, key};
use crate::model::Session;
use crate::time::{SILENCE, Timestamp};
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Allowed delay: a change that takes up to a second is visible in the next step.
const LATE: Duration = Duration::from_secs(2);
/// Connected time after which a process must know what the store has.
const SYNCED_AFTER: Duration = Duration::from_secs(1);
/// How long after the last disturbance a connected process must be fresh and agree with the others.
const AGREES_AFTER: Duration = Duration::from_secs(8);
/// How long a process may be cut off alone before the others may see its sessions lapse.
const TOLERATED: Duration = LEASE.saturating_sub(NODE_BEATS).saturating_sub(Duration::from_secs(2));

/// The promises about one user.
#[derive(Default)]
pub struct Promise {
    /// How long each process has been connected since the user fell silent or left.
    silent: Option<[Duration; 3]>,
    /// The placement that was left, and whether the store has accepted that.
    left: Option<Timestamp>,
    left_for: Option<[Duration; 3]>,
    /// How long none of the user's processes has been connected while another process was.
    unreachable_for: Duration,
    /// Remaining seconds without promises, because the processes of the user were unreachable for
    /// too long.
    exempt: u32,
}

impl Promise {
    /// Whether the user has fallen silent or left.
    pub fn is_over(&self) -> bool {
        self.silent.is_some()
    }

    pub fn fall_silent(&mut self) {
        self.silent.get_or_insert_default();
    }

    /// Records that the user left; `session` is the state in the process that received the leave.
    pub fn leave(&mut self, session: Option<Session>) {
        self.fall_silent();
        self.left = session.map(|session| session.placement.placed_at);
    }

    /// Records that the store lost its data: a process that knows nothing of the silence or leave
    /// may write the old state, and that ages from now on.
    pub fn restart(&mut self) {
        self.silent = self.silent.map(|_| Default::default());
        self.left_for = self.left_for.map(|_| Default::default());
    }

    pub fn outlook(&self, into: &mut impl Hasher) {
        let most = |durations: Option<[Duration; 3]>| durations.map(|all| all.map(|it| it.min(LEASE * 4)));
        (most(self.silent), self.left.is_some(), most(self.left_for), self.unreachable_for, self.exempt)
            .hash(into);
    }

    fn advance(&mut self, passed: Duration, connected: [bool; 3]) {
        for all in [&mut self.silent, &mut self.left_for].into_iter().flatten() {
            for (n, connected) in connected.into_iter().enumerate() {
                all[n] += if connected { passed } else { Duration::ZERO };
            }
        }
    }

    /// Records whether the user's processes could write while others could read.
    fn record_contact(&mut self, passed: Duration, is_connected: bool, others: bool) {
        self.exempt = self.exempt.saturating_sub(1);
        if is_connected {
            self.unreachable_for = Duration::ZERO;
        } else if others {
            self.unreachable_for = (self.unreachable_for + passed).min(TOLERATED + passed);
        }
        if self.unreachable_for > TOLERATED {
            self.exempt = 4;
        }
    }
}

impl System {
    /// Checks all promises after `passed` more time.
    pub fn check_promises(&mut self, passed: Duration) {
        let now = self.now;
        let since = |process: &Process| process.connected_since.map(|since| now.since(since));
        let connected: [Option<Duration>; 3] = std::array::from_fn(|n| self.process(n).and_then(since));
        let counts = connected.map(|connected| connected.is_some_and(|connected| connected > SYNCED_AFTER));
        let any = connected.iter().any(Option::is_some);
        let (first, second) = (connected[0].is_some(), connected[1].is_some());
        self.held.advance(passed, counts);
        self.held.record_contact(passed, first, any);
        self.beats.advance(passed, counts);
        self.beats.record_contact(passed, first || second, any);
        for (user, promise) in [(HELD, &mut self.held), (BEATS, &mut self.beats)] {
            if let Some(left) = promise.left
                && promise.left_for.is_none()
            {
                let stored = self.store.session(&key(user)).map(|session| &session.placement);
                let is_stored =
                    stored.is_some_and(|stored| stored.left.is_some() && stored.placed_at <= left);
                promise.left_for = is_stored.then(Default::default);
            }
        }
        for n in 0..self.processes.len() {
            let Some(process) = self.process(n) else { continue };
            let is_fresh = process.roster.view(now).is_fresh();
            if is_fresh {
                self.check_fresh_view(n, process);
            }
            let for_long = now.since(self.disturbed_at);
            let must_be_stale = connected[n].is_none() && for_long > SILENCE + LATE;
            assert!(!is_fresh || !must_be_stale, "F: {n} is fresh and cut off");
            let must_be_fresh =
                connected[n].is_some_and(|connected| connected > AGREES_AFTER) && for_long > AGREES_AFTER;
            assert!(is_fresh || !must_be_fresh, "F: {n} is stale and connected");
        }
    }

    /// Checks what a fresh view shows.
    fn check_fresh_view(&self, n: usize, process: &Process) {
        // After a loss of data, the old state may be shown for another lease.
        let more = if self.store.epoch > 0 { LEASE } else { Duration::ZERO };
        for (user, promise, lease) in [(HELD, &self.held, HELD_FOR), (BEATS, &self.beats, LEASE)] {
            let shows = process.shows(user);
            let Some(silent) = promise.silent else {
                assert!(shows || promise.exempt > 0, "S: {user} sends heartbeats and is gone at {n}");
                continue;
            };
            assert!(!shows || silent[n] <= lease + LATE + more, "L: {user} is silent and shown at {n}");
            // A placement made meanwhile survives the leave.
            let placed_at = process.roster.session(&key(user)).map(|session| session.placement.placed_at);
            if let Some(left_for) = promise.left_for.filter(|_| placed_at <= promise.left) {
                let is_due = left_for[n] > POLICY_GRACE + LATE + more;
                assert!(!shows || !is_due, "L: {user} left and is shown at {n}");
            }
        }
    }

    /// Checks that long after all repairs the processes and the store agree, and all
    /// outboxes are empty.
    pub fn check_agreement(&self) {
        for (n, process) in self.processes.iter().enumerate().filter_map(|(n, it)| Some((n, it.as_ref()?))) {
            assert!(process.roster.view(self.now).is_fresh(), "F: {n} is stale in the end");
            assert!(!process.owes(), "{n} has writes left in the end");
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
