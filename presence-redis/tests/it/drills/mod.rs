//! Drills: several processes on real servers, with outages, crashes, clock steps and large numbers
//! of sessions.

#[cfg(target_os = "linux")]
mod clock;
mod crash;
mod flaps;
mod mass;
mod outage;
mod parts;
mod refusals;
mod refused_writes;
mod skew;
#[cfg(feature = "tls")]
mod tls;
mod together;
mod views;

use parking_lot::Mutex;
use presence_core::{
    Beat, Hold, LeftReason, Policy, Presence, PresenceStore, Scope, SessionId, Topic, Topics, Update, UserId,
    View,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A policy with short windows, so that a drill of three leases takes seconds. They are longer than
/// a call that fails, even on a busy machine.
fn policy() -> Policy {
    Policy::default()
        .lease_for(Duration::from_secs(4))
        .held_for(Duration::from_secs(4))
        .active_for(Duration::from_mins(1))
        .grace(Duration::from_millis(500))
}

/// Whether all variants of the drills are run, instead of a short selection.
fn is_all() -> bool {
    std::env::var("PRESENCE_DRILLS").is_ok_and(|which| which == "all")
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn tab(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

fn topics(name: &str) -> Topics {
    Topics::new([Topic::new(name).unwrap()]).unwrap()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

/// Waits for a condition for at least a minute: a machine that compiles at the same time is slow.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

/// One process: a handle of its own, and a task that records who leaves.
struct Process {
    presence: Presence,
    left: Arc<Mutex<BTreeMap<UserId, Vec<LeftReason>>>>,
    recorder: JoinHandle<()>,
}

impl Process {
    async fn on(store: impl PresenceStore) -> Self {
        Self::with(store, policy()).await
    }

    async fn with(store: impl PresenceStore, policy: Policy) -> Self {
        let presence = Presence::builder(store).policy(policy).start().unwrap();
        presence.ready().await;
        Self::of(presence)
    }

    fn of(presence: Presence) -> Self {
        let left: Arc<Mutex<BTreeMap<UserId, Vec<LeftReason>>>> = Arc::default();
        let (mut changes, noted) = (presence.subscribe(&Scope::All), Arc::clone(&left));
        let recorder = tokio::spawn(async move {
            while let Some(update) = changes.next().await {
                if let Update::Diff(diff) = update {
                    for (user, reason) in &diff.left {
                        noted.lock().entry(user.clone()).or_default().push(*reason);
                    }
                }
            }
        });
        Self { presence, left, recorder }
    }

    fn online(&self) -> usize {
        self.presence.everyone().counts().online as usize
    }

    fn is_online(&self, name: &str) -> bool {
        self.presence.user(&user(name)).is_some_and(|person| person.member.liveness.is_live())
    }

    fn is_stale(&self) -> bool {
        matches!(self.presence.health().view, View::Stale { .. })
    }

    /// The users who left, and how often each did.
    fn left(&self) -> BTreeMap<String, usize> {
        self.left.lock().iter().map(|(user, reasons)| (user.to_string(), reasons.len())).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.recorder.abort();
    }
}

/// Users who keep sending heartbeats to one process, whatever happens to the store.
struct Crowd {
    names: Vec<String>,
    beats: Arc<Beats>,
    task: JoinHandle<()>,
}

/// The numbers of the heartbeats that were stored, and of those that were not.
#[derive(Default)]
struct Beats {
    stored: AtomicUsize,
    degraded: AtomicUsize,
}

impl Crowd {
    /// Every user enters, and then sends four heartbeats per lease.
    fn at(presence: &Presence, names: Vec<String>) -> Self {
        let beats: Arc<Beats> = Arc::default();
        let (presence, people, counted) = (presence.clone(), names.clone(), Arc::clone(&beats));
        let every = presence.policy().lease_for / 4;
        let task = tokio::spawn(async move {
            let mut enters = true;
            loop {
                let all = people.iter().map(|name| {
                    let beat = if enters {
                        Beat::enter(user(name), tab("t")).topics(topics("lobby"))
                    } else {
                        Beat::renew(user(name), tab("t"))
                    };
                    presence.beat(beat)
                });
                for outcome in futures_util::future::join_all(all).await {
                    let counter = if outcome.is_ok() { &counted.stored } else { &counted.degraded };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                enters = false;
                tokio::time::sleep(every).await;
            }
        });
        Self { names, beats, task }
    }

    fn stored(&self) -> usize {
        self.beats.stored.load(Ordering::Relaxed)
    }

    fn degraded(&self) -> usize {
        self.beats.degraded.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn hold_all(presence: &Presence, names: &[String]) -> Vec<Hold> {
    let beat = |name: &String| Beat::enter(user(name), tab("socket")).topics(topics("lobby"));
    names.iter().map(|name| presence.hold(beat(name)).unwrap()).collect()
}
