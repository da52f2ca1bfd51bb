//! `Presence` on the reference store, in virtual time. Tests advance the clock by hand. The
//! runtime's own time is paused, so that timeouts and backoff end at once when all tasks are idle.

mod blindness;
mod disconnects;
mod ending;
mod holds;
mod last_seen;
mod lifecycle;
mod model;
mod outages;
mod schedules;
mod subscriptions;

use crate::conformance::ReferenceStore;
use crate::time::ManualClock;
use crate::{Beat, Leave, Liveness, Policy, Presence, SessionId, Timestamp, Topic, Topics, UserId};
use std::time::Duration;

/// An arbitrary start, far from zero.
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn session(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

fn topics(names: &[&str]) -> Topics {
    Topics::new(names.iter().map(|name| topic(name))).unwrap()
}

fn enter(name: &str, tab: &str) -> Beat {
    Beat::enter(user(name), session(tab))
}

fn renew(name: &str, tab: &str) -> Beat {
    Beat::renew(user(name), session(tab))
}

fn leave(name: &str, tab: &str) -> Leave {
    Leave::new(user(name), session(tab))
}

/// A store, its clock, and the processes on it.
struct Cluster {
    clock: ManualClock,
    store: ReferenceStore,
    policy: Policy,
}

impl Cluster {
    fn new() -> Self {
        Self::with_shards(1)
    }

    fn with_shards(shards: u16) -> Self {
        let clock = ManualClock::at(START);
        let store = ReferenceStore::with_shards(clock.clone(), shards);
        Self { clock, store, policy: Policy::default() }
    }

    /// Starts another process, and waits until it has read everything in the store.
    async fn process(&self) -> Presence {
        let presence = self.start(self.clock.clone());
        self.pass(secs(1)).await;
        presence.ready().await;
        presence
    }

    fn start(&self, clock: ManualClock) -> Presence {
        Presence::builder(self.store.clone()).policy(self.policy.clone()).clock(clock).start().unwrap()
    }

    async fn pass(&self, duration: Duration) {
        self.clock.advance(duration).await;
    }

    /// Lets all timers of the runtime fire (timeouts, backoff, spread writes), and the tasks that
    /// wait for them run.
    async fn run_timers(&self) {
        tokio::time::sleep(secs(10)).await;
        self.pass(Duration::from_millis(500)).await;
    }
}

fn liveness(presence: &Presence, name: &str) -> Liveness {
    presence.user(&user(name)).map_or(Liveness::Gone, |person| person.member.liveness)
}
