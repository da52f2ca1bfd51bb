//! Faults that tests inject into a reference store.

use super::Inner;
use super::state::{Shard, State};
use crate::conformance::rng::Rng;
use crate::store::{Error, Kind, Result};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

/// A method of the store trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`put`](crate::PresenceStore::put).
    Put,
    /// [`touch`](crate::PresenceStore::touch).
    Touch,
    /// [`remember`](crate::PresenceStore::remember).
    Remember,
    /// [`forget`](crate::PresenceStore::forget).
    Forget,
    /// [`load`](crate::PresenceStore::load).
    Load,
    /// [`watch`](crate::PresenceStore::watch). A failing feed ends at once, a hanging one delivers
    /// nothing.
    Watch,
    /// [`now`](crate::PresenceStore::now).
    Now,
}

impl Call {
    const ALL: [Self; 7] =
        [Self::Put, Self::Touch, Self::Remember, Self::Forget, Self::Load, Self::Watch, Self::Now];
}

/// What a call does instead of succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It fails without effect.
    Fails(Kind),
    /// It takes effect, but fails.
    FailsAfter(Kind),
    /// It has no effect and never returns.
    Hangs,
    /// It takes effect, and never returns.
    HangsAfter,
    /// It takes effect after this delay, by the runtime's time.
    Late(Duration),
}

/// All faults that are injected now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) calls: BTreeMap<Call, Fault>,
    pub(super) silent: BTreeSet<u16>,
    /// How often all feeds were ended; feeds that began before the last time have ended.
    pub(super) ended: u64,
    /// The seed by which feeds delay and repeat events.
    pub(super) disorder: Option<u64>,
    /// How far the clock of each shard's server has stepped.
    pub(super) ahead_millis: BTreeMap<u16, i64>,
    /// Shards that answer but refuse writes.
    pub(super) refuses: BTreeSet<u16>,
    /// Source of the random delays of calls.
    pub(super) delays: Option<Rng>,
    /// The state that a failover falls back to.
    replica: Option<Vec<Shard>>,
}

impl Plan {
    /// What the clock of a shard's server reads while the store's clock is at `on`.
    pub(super) fn clock_of(&self, shard: u16, on: Timestamp) -> Timestamp {
        let ahead = self.ahead_millis.get(&shard).copied().unwrap_or_default();
        Timestamp::from_millis(on.as_millis().saturating_add_signed(ahead))
    }

    /// What to do before a call takes effect.
    pub(super) fn before(&self, call: Call) -> Outcome {
        match self.calls.get(&call) {
            Some(Fault::Fails(kind)) => Outcome::Fails(*kind),
            Some(Fault::Hangs) => Outcome::Hangs,
            Some(Fault::Late(late)) => Outcome::Waits(*late),
            _ => Outcome::Passes,
        }
    }

    /// What to do after a call took effect.
    pub(super) fn after(&self, call: Call) -> Outcome {
        match self.calls.get(&call) {
            Some(Fault::FailsAfter(kind)) => Outcome::Fails(*kind),
            Some(Fault::HangsAfter) => Outcome::Hangs,
            _ => Outcome::Passes,
        }
    }
}

/// How a call continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passes,
    Fails(Kind),
    Hangs,
    Waits(Duration),
}

impl Outcome {
    pub(super) async fn take(self) -> Result<()> {
        match self {
            Self::Passes => Ok(()),
            Self::Fails(kind) => Err(Error::new(kind, "the reference store fails as requested")),
            Self::Hangs => pending().await,
            Self::Waits(late) => {
                tokio::time::sleep(late).await;
                Ok(())
            }
        }
    }
}

/// The faults of a [`ReferenceStore`](super::ReferenceStore), which all its clones share.
///
/// ```
/// use presence_core::testing::conformance::ReferenceStore;
/// use presence_core::PresenceStore;
/// use presence_core::testing::ManualClock;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = ReferenceStore::new(ManualClock::default());
/// store.faults().go_down();
/// assert!(store.now().await.is_err());
/// store.faults().come_back();
/// assert!(store.now().await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Faults(pub(super) Arc<Inner>);

impl Faults {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock());
        self.0.notify();
    }

    /// Makes this call have this fault from now on.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.change(|state| {
            state.plan.calls.insert(call, fault);
        });
    }

    /// Makes every call have this fault from now on.
    pub fn inject_all(&self, fault: Fault) {
        self.change(|state| state.plan.calls.extend(Call::ALL.map(|call| (call, fault))));
    }

    /// Makes all calls work again. Calls that already hang never return.
    pub fn restore(&self) {
        self.change(|state| state.plan.calls.clear());
    }

    /// Makes every call fail with [`Kind::Unavailable`], and ends all feeds.
    pub fn go_down(&self) {
        self.inject_all(Fault::Fails(Kind::Unavailable));
        self.end_feeds();
    }

    /// Ends [`go_down`](Self::go_down), with all data intact.
    pub fn come_back(&self) {
        self.restore();
    }

    /// Ends [`go_down`](Self::go_down), with all data lost and another epoch. Ends all feeds.
    pub fn come_back_empty(&self) {
        self.change(|state| {
            state.shards.iter_mut().for_each(Shard::lose_all);
            state.plan.calls.clear();
            state.plan.ended += 1;
        });
    }

    /// Ends all feeds; new ones can be opened.
    pub fn end_feeds(&self) {
        self.change(|state| state.plan.ended += 1);
    }

    /// Makes feeds deliver nothing more of this shard, neither changes nor proofs, without ending.
    pub fn silence(&self, shard: u16) {
        self.change(|state| {
            state.plan.silent.insert(shard);
        });
    }

    /// Makes feeds deliver nothing more, without ending.
    pub fn silence_all(&self) {
        self.change(|state| state.plan.silent = (0..state.count()).collect());
    }

    /// Ends the silence of feeds. The events since it began are delivered first.
    pub fn speak(&self) {
        self.change(|state| state.plan.silent.clear());
    }

    /// Makes feeds delay events by up to 400 ms of the clock, and repeat ranges of them.
    pub fn disorder(&self, seed: u64) {
        self.change(|state| state.plan.disorder = Some(seed));
    }

    /// Ends the disorder.
    pub fn order(&self) {
        self.change(|state| state.plan.disorder = None);
    }

    /// Steps the clocks of all servers by this many milliseconds, back if negative.
    pub fn jump_clock(&self, millis: i64) {
        self.change(|state| {
            for shard in 0..state.count() {
                *state.plan.ahead_millis.entry(shard).or_default() += millis;
            }
        });
    }

    /// Steps the clock of one shard's server by this many milliseconds.
    pub fn jump_clock_of(&self, shard: u16, millis: i64) {
        self.change(|state| *state.plan.ahead_millis.entry(shard).or_default() += millis);
    }

    /// Makes the store refuse all writes (puts, touches, forgets, and proofs of its time) while it
    /// answers reads, like a store that is full or has lost its replicas.
    pub fn refuse_writes(&self) {
        self.change(|state| state.plan.refuses = (0..state.count()).collect());
    }

    /// Makes one shard refuse all writes.
    pub fn refuse_writes_of(&self, shard: u16) {
        self.change(|state| {
            state.plan.refuses.insert(shard);
        });
    }

    /// Makes the store accept writes again.
    pub fn accept_writes(&self) {
        self.change(|state| state.plan.refuses.clear());
    }

    /// Delays calls and their answers by up to 300 ms each.
    pub fn delay(&self, seed: u64) {
        self.change(|state| state.plan.delays = Some(Rng::seeded(seed)));
    }

    /// Stops replication: a failover loses all later writes.
    pub fn stop_replication(&self) {
        self.change(|state| state.plan.replica = Some(state.shards.clone()));
    }

    /// Loses all writes since replication stopped; the epoch changes. Ends all feeds.
    pub fn fail_over(&self) {
        self.fall_back();
        self.change(|state| state.shards.iter_mut().for_each(Shard::renew_epoch));
    }

    /// Loses all writes since replication stopped, without another epoch. Ends all feeds.
    pub fn fail_over_unnoticed(&self) {
        self.fall_back();
    }

    fn fall_back(&self) {
        self.change(|state| {
            if let Some(replica) = state.plan.replica.take() {
                state.shards = replica;
            }
            state.plan.ended += 1;
        });
    }
}
