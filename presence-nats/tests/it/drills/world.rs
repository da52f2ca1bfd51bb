//! The set-up of a drill: two processes on one store, their users, and what each process
//! reports of them.

use parking_lot::Mutex;
use presence_core::{
    Beat, Hold, Policy, Presence, PresenceStore, Scope, SessionId, Topic, Topics, Update, UserId,
};
use presence_nats::NatsStore;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many users of each kind there are.
const USERS: usize = 40;
/// How long a drill waits for a condition. Drills share two cores with each other and
/// with their servers.
const PATIENCE: Duration = Duration::from_mins(1);

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// A beat that enters a topic.
pub fn enter(name: &str, place: &str) -> Beat {
    let tab = SessionId::new("tab").unwrap();
    Beat::enter(user(name), tab).topics(Topics::new([topic(place)]).unwrap())
}

/// Waits until a condition holds; panics if it does not hold within [`PATIENCE`].
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let all = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "waited in vain: {what}");
}

/// Runs work that blocks, such as stopping a server.
pub async fn outside(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// Whether all drills are run, and not only the short ones.
pub fn is_all() -> bool {
    std::env::var("PRESENCE_DRILLS").is_ok_and(|which| which == "all")
}

/// Short windows: every outage of a drill is longer.
pub fn policy() -> Policy {
    Policy::default()
        .lease_for(Duration::from_secs(4))
        .held_for(Duration::from_secs(4))
        .grace(Duration::from_millis(500))
}

/// A process, and the users that it has reported as gone.
pub struct Process {
    pub presence: Presence,
    pub store: NatsStore,
    left: Arc<Mutex<BTreeSet<UserId>>>,
    was_stale: Arc<AtomicBool>,
    tasks: [JoinHandle<()>; 2],
}

impl Process {
    pub async fn start(store: NatsStore) -> Self {
        Self::with(store, policy()).await
    }

    pub async fn with(store: NatsStore, policy: Policy) -> Self {
        let presence = Presence::builder(store.clone()).policy(policy).start().unwrap();
        Self::of(presence, store).await
    }

    /// A process on this store with the given `presence`.
    pub async fn of(presence: Presence, store: NatsStore) -> Self {
        presence.ready().await;
        let (left, was_stale) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
        let mut updates = presence.subscribe(&Scope::All);
        let gone = Arc::clone(&left);
        let receiving = tokio::spawn(async move {
            let mut known = BTreeSet::new();
            while let Some(update) = updates.next().await {
                match update {
                    // A slow reader gets a snapshot. Users who are not in it have left as well.
                    Update::Snapshot(snapshot) => {
                        let now: BTreeSet<UserId> = snapshot.members.keys().cloned().collect();
                        gone.lock().extend(known.difference(&now).cloned());
                        known = now;
                    }
                    Update::Diff(diff) => {
                        known.extend(diff.joined.iter().map(|member| member.user.clone()));
                        gone.lock().extend(diff.left.iter().map(|(user, _)| user.clone()));
                    }
                }
            }
        });
        let mut views = presence.watch_view();
        let stale = Arc::clone(&was_stale);
        let watching = tokio::spawn(async move {
            // A view is stale at first, until time is proven.
            let mut was_fresh = false;
            while let Some(view) = views.next().await {
                was_fresh |= view.is_fresh();
                stale.fetch_or(was_fresh && !view.is_fresh(), Ordering::Relaxed);
            }
        });
        Self { presence, store, left, was_stale, tasks: [receiving, watching] }
    }

    pub fn is_fresh(&self) -> bool {
        self.presence.health().view.is_fresh()
    }

    pub fn was_stale(&self) -> bool {
        self.was_stale.load(Ordering::Relaxed) || !self.is_fresh()
    }

    pub fn saw_leave(&self) -> BTreeSet<UserId> {
        self.left.lock().clone()
    }

    pub fn online(&self, place: &str) -> usize {
        self.presence.topic(&topic(place)).counts().online as usize
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Users who send heartbeats to one process, whatever happens to the store.
pub struct Crowd {
    pub users: BTreeSet<UserId>,
    task: JoinHandle<()>,
}

impl Crowd {
    /// All users enter, and then send four heartbeats in each lease.
    pub fn at(presence: &Presence, kind: &str, count: usize) -> Self {
        let users: BTreeSet<UserId> = (0..count).map(|n| user(&format!("{kind}-{n}"))).collect();
        let (presence, names) = (presence.clone(), users.clone());
        let task = tokio::spawn(async move {
            let tab = SessionId::new("tab").unwrap();
            let mut enters = true;
            loop {
                let beats = names.iter().map(|name| {
                    let beat = if enters {
                        enter(name.as_str(), "/start")
                    } else {
                        Beat::renew(name.clone(), tab.clone())
                    };
                    presence.beat(beat)
                });
                // While the store is down, the heartbeats succeed with a degraded result.
                futures_util::future::join_all(beats).await;
                enters = false;
                tokio::time::sleep(presence.policy().lease_for / 4).await;
            }
        });
        Self { users, task }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Holds `count` connections at a process.
pub fn hold_all(process: &Process, kind: &str, count: usize) -> Vec<Hold> {
    (0..count).map(|n| process.presence.hold(enter(&format!("{kind}-{n}"), "/start")).unwrap()).collect()
}

/// Two processes, users whose connections the first one holds, and users who send heartbeats to
/// both in turn.
pub struct World {
    pub one: Arc<Process>,
    pub other: Arc<Process>,
    pub held: Vec<Hold>,
    beating: JoinHandle<()>,
}

impl World {
    pub async fn start(one: NatsStore, other: NatsStore) -> Self {
        let (one, other) = (Arc::new(Process::start(one).await), Arc::new(Process::start(other).await));
        let held: Vec<Hold> =
            (0..USERS).map(|n| one.presence.hold(enter(&format!("held-{n}"), "/start")).unwrap()).collect();
        for hold in &held {
            hold.stored().await.unwrap();
        }
        for n in 0..USERS {
            one.presence.beat(enter(&format!("beats-{n}"), "/start")).await.unwrap();
        }
        let beating = tokio::spawn(beat(Arc::clone(&one), Arc::clone(&other)));
        let world = Self { one, other, held, beating };
        world.sees("everybody is here", |process| process.online("/start") == 2 * USERS).await;
        world
    }

    /// Waits until the condition holds at both processes.
    pub async fn sees(&self, what: &str, sees: impl Fn(&Process) -> bool) {
        until(what, || async { sees(&self.one) && sees(&self.other) }).await;
    }

    /// Waits until both processes have reported a stale view.
    pub async fn is_stale(&self) {
        self.sees("both views are stale", Process::was_stale).await;
    }

    /// Makes changes that must not be lost: half of the connections change their topic, and new
    /// users enter.
    pub async fn change(&self) {
        for hold in self.held.iter().step_by(2) {
            hold.place(Topics::new([topic("/moved")]).unwrap()).unwrap();
        }
        for n in 0..4 {
            // If the store is down, these are stored later.
            let _ = self.other.presence.beat(enter(&format!("new-{n}"), "/new")).await;
        }
    }

    /// Checks that both processes, the store and a process that starts afterwards agree
    /// on all changes.
    pub async fn has_recovered(&self, late: NatsStore) {
        self.sees("both views are fresh", Process::is_fresh).await;
        self.sees("the moved are where they went", |process| process.online("/moved") == USERS / 2).await;
        self.sees("the new ones are here", |process| process.online("/new") == 4).await;
        self.sees("nothing is owed", |process| process.presence.health().outbox == 0).await;
        // Wait until every session that is not renewed has lapsed.
        let now = self.one.store.now().await.unwrap();
        let later = now + policy().held_for + Duration::from_secs(2);
        until("time goes on", || async { self.one.store.now().await.is_ok_and(|now| now > later) }).await;
        let late = Process::start(late).await;
        until("a late process sees them", || async {
            late.online("/moved") == USERS / 2
                && late.online("/new") == 4
                && late.online("/start") == USERS * 3 / 2
        })
        .await;
        assert_eq!(self.one.saw_leave(), BTreeSet::new());
        assert_eq!(self.other.saw_leave(), BTreeSet::new());
        self.sees("all views are fresh at the end", Process::is_fresh).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

/// Sends the heartbeats of all users through both processes in turn.
async fn beat(one: Arc<Process>, other: Arc<Process>) {
    let tab = SessionId::new("tab").unwrap();
    for process in [&one, &other].into_iter().cycle() {
        let beats = (0..USERS).map(|n| format!("beats-{n}")).chain((0..4).map(|n| format!("new-{n}")));
        let known = beats.filter(|name| process.presence.user(&user(name)).is_some());
        let beats = known.map(|name| process.presence.beat(Beat::renew(user(&name), tab.clone())));
        // While the store is down, the heartbeats succeed with a degraded result.
        futures_util::future::join_all(beats).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
