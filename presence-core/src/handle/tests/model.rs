//! Random histories of several processes on one store with every kind of fault.
//!
//! No process sees a user leave who keeps sending heartbeats. Once everything is delivered, all
//! views agree with each other and with the store. A failure prints its seed; `PRESENCE_SEED=n`
//! runs that one alone, `PRESENCE_SEEDS=n` the first n.

use super::*;
use crate::conformance::Rng;
use crate::handle::{Hold, Subscription};
use crate::store::ForgetIf;
use crate::{Activity, PresenceStore, Scope, Update};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// Number of histories by default.
const SEEDS: u64 = 120;
const STEPS: usize = 24;

#[test]
fn users_with_heartbeats_never_leave_and_all_views_converge() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let one = number("PRESENCE_SEED");
    let seeds = one.map_or(0..number("PRESENCE_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    std::thread::scope(|scope| {
        for part in 0..2 {
            let seeds = seeds.clone().filter(move |seed| seed % 2 == part);
            scope.spawn(move || seeds.for_each(run));
        }
    });
}

fn run(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let history = AssertUnwindSafe(History::play(seed)).catch_unwind();
    if let Err(panic) = runtime.block_on(history) {
        eprintln!("PRESENCE_SEED={seed} reproduces it");
        std::panic::resume_unwind(panic);
    }
}

/// A process, its holds, and the changes that it reports.
struct Process {
    presence: Presence,
    changes: Subscription,
    holds: Vec<Hold>,
}

struct History {
    cluster: Cluster,
    rng: Rng,
    processes: Vec<Process>,
    /// The steps so far, printed by a failure.
    log: Vec<String>,
}

const STEADY: [&str; 3] = ["steady-0", "steady-1", "steady-2"];

impl History {
    async fn play(seed: u64) {
        let mut rng = Rng::seeded(seed);
        // A short lease, so that changes come sooner. Nobody becomes idle, since the time at which
        // that happens depends on how long a process was cut off.
        let policy = Policy::default().lease_for(secs(20)).active_for(secs(3_600)).grace(secs(2));
        let cluster = Cluster { policy, ..Cluster::with_shards(1 + u16::try_from(rng.below(3)).unwrap()) };
        let mut history = Self { cluster, rng, processes: Vec::new(), log: Vec::new() };
        for _ in 0..2 + history.rng.below(2) {
            history.start().await;
        }
        // Each process holds one permanent session, so that a wrong verdict on the process is
        // noticed.
        for n in 0..history.processes.len() {
            let held = history.processes[n].presence.hold(enter(&format!("steady-held-{n}"), "s")).unwrap();
            history.processes[n].holds.insert(0, held);
        }
        for name in STEADY {
            history.processes[0].presence.beat(enter(name, "tab")).await.unwrap();
        }
        history.cluster.pass(secs(2)).await;
        for step in 0..STEPS {
            history.step(step).await;
            history.assert_no_steady_user_left();
        }
        history.recover().await;
        history.assert_views_agree();
        if seed.is_multiple_of(8) {
            history.end().await;
        }
    }

    async fn start(&mut self) {
        let presence = self.cluster.process().await;
        let mut changes = presence.subscribe(&Scope::All);
        changes.next().await;
        self.processes.push(Process { presence, changes, holds: Vec::new() });
    }

    async fn step(&mut self, step: usize) {
        let faults = self.cluster.store.faults();
        let seed = self.rng.next();
        let at = self.rng.index(self.processes.len());
        let shard = u16::try_from(self.rng.below(3)).unwrap() % self.cluster.store.shards();
        let passing = format!("user-{}", self.rng.below(4));
        let what = self.rng.below(20);
        self.log.push(format!("{step}: {what} at {at}, {passing}, shard {shard}"));
        let process = &mut self.processes[at];
        match what {
            0 => faults.silence(shard),
            1 | 2 => faults.speak(),
            3 => faults.end_feeds(),
            4 => faults.disorder(seed),
            5 => faults.order(),
            6 => faults.go_down(),
            7 | 8 => faults.come_back(),
            9 => faults.come_back_empty(),
            10 => faults.jump_clock(i64::try_from(seed % 20_000).unwrap() - 10_000),
            11 => faults.stop_replication(),
            12 => faults.fail_over_unnoticed(),
            13 => self.forget(&passing).await,
            14 => drop(process.presence.beat(enter(&passing, "tab").topics(topics(&["/a"]))).await),
            15 => drop(process.presence.leave(leave(&passing, "tab")).await),
            16 => drop(process.presence.leave(leave(&passing, "tab").immediately()).await),
            17 => process.holds.extend(process.presence.hold(enter(&passing, "socket"))),
            18 if process.holds.len() > 1 => drop(process.holds.pop()),
            _ => drop(process.presence.beat(renew(&passing, "other").topics(topics(&["/b"]))).await),
        }
        let seconds = 1 + self.rng.below(9);
        for _ in 0..seconds {
            // The clock and the runtime's time (timeouts, backoff) advance together.
            self.cluster.pass(secs(1)).await;
            tokio::time::sleep(secs(1)).await;
        }
        let at = self.rng.index(self.processes.len());
        self.beat_steadily(at).await;
    }

    /// Sends the heartbeats of the steady users, each through the next process.
    async fn beat_steadily(&mut self, first: usize) {
        for (n, name) in STEADY.iter().enumerate() {
            let at = (first + n) % self.processes.len();
            // A heartbeat counts whether it is stored or queued. It also reports activity, so that
            // a heartbeat that another process missed makes no difference.
            let beaten = self.processes[at].presence.beat(renew(name, "tab").activity(Activity::Now)).await;
            self.log.push(format!("  {name} at {at}: {beaten:?}"));
        }
    }

    /// Makes the store forget sessions by an outdated state, possibly only a moment old.
    async fn forget(&mut self, name: &str) {
        let known: Vec<_> = self.cluster.store.contents().sessions.into_values().collect();
        for session in known {
            let of_passing = session.user.as_str() == name && session.placement.left.is_some();
            // For a user with continuous heartbeats, the state is never the newest one.
            let seen_at =
                if of_passing { session.seen_at } else { session.seen_at - Duration::from_millis(1) };
            let (key, placed_at) = (session.key(), session.placement.placed_at);
            let _ = self.cluster.store.forget(&[ForgetIf::Session { key, seen_at, placed_at }]).await;
        }
    }

    fn assert_no_steady_user_left(&mut self) {
        for (at, process) in self.processes.iter_mut().enumerate() {
            while let Some(Some(update)) = process.changes.next().now_or_never() {
                let left = match &update {
                    Update::Diff(diff) => {
                        diff.left.iter().map(|(user, _)| user.as_str().to_owned()).collect()
                    }
                    Update::Snapshot(_) => Vec::new(),
                };
                let steady = left.iter().find(|user| user.starts_with("steady"));
                assert!(steady.is_none(), "{steady:?} left at {at}; {:#?}", self.log);
            }
        }
    }

    /// Ends all faults and delivers everything, while the steady users keep sending heartbeats.
    async fn recover(&mut self) {
        let faults = self.cluster.store.faults();
        faults.come_back();
        faults.speak();
        faults.order();
        self.log.push("recover".to_owned());
        for _ in 0..6 {
            self.cluster.run_timers().await;
            self.beat_steadily(0).await;
            self.assert_no_steady_user_left();
        }
        // For longer than a lease, a blind stretch, and the lease in which a session can be
        // confirmed.
        for _ in 0..12 {
            self.cluster.pass(secs(5)).await;
            self.beat_steadily(0).await;
            self.assert_no_steady_user_left();
        }
    }

    fn assert_views_agree(&self) {
        let held: usize = self.processes.len();
        let views: Vec<_> =
            self.processes.iter().map(|process| process.presence.everyone().snapshot()).collect();
        for view in &views {
            assert_eq!(view.members, views[0].members, "{:#?}", self.log);
            let steady = view.members.keys().filter(|user| user.as_str().starts_with("steady")).count();
            assert_eq!(steady, STEADY.len() + held, "{:#?}", self.log);
        }
        for process in &self.processes {
            assert_eq!(process.presence.everyone().counts(), views[0].counts(), "{:#?}", self.log);
            assert_eq!(process.presence.health().outbox, 0, "{:#?}", self.log);
        }
        // The views also agree with the store.
        let stored = self.cluster.store.contents();
        for user in views[0].members.keys() {
            assert!(
                stored.sessions.keys().any(|key| key.user == *user),
                "{user} is not stored; {:#?}",
                self.log
            );
        }
    }

    /// Stops all heartbeats: nothing remains.
    async fn end(mut self) {
        for process in &mut self.processes {
            process.holds.clear();
        }
        self.cluster.pass(secs(160)).await;
        for process in &self.processes {
            let health = process.presence.health();
            assert_eq!((health.users, health.sessions, health.topics), (0, 0, 0), "{:#?}", self.log);
        }
        assert_eq!(self.cluster.store.contents().sessions.len(), 0, "{:#?}", self.log);
    }
}
