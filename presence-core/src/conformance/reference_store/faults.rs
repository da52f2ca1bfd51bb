//! What can be wrong with a store, at the push of a button.

use super::Inner;
use super::state::{Shard, State};
use crate::conformance::rng::Rng;
use crate::store::{Error, Kind, Result};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

/// Which method is called.
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
    /// [`watch`](crate::PresenceStore::watch). A feed that fails ends at once, one that hangs tells
    /// nothing.
    Watch,
    /// [`now`](crate::PresenceStore::now).
    Now,
}

impl Call {
    const ALL: [Self; 7] =
        [Self::Put, Self::Touch, Self::Remember, Self::Forget, Self::Load, Self::Watch, Self::Now];
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and changes nothing.
    Fails(Kind),
    /// It does what it should, and fails all the same.
    FailsAfter(Kind),
    /// It changes nothing and never returns.
    Hangs,
    /// It does what it should, and never returns.
    HangsAfter,
    /// It does what it should, so much later, by the runtime's time.
    Late(Duration),
}

/// Everything that is wrong at the moment.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) calls: BTreeMap<Call, Fault>,
    pub(super) silent: BTreeSet<u16>,
    /// Feeds that began before this count of ends are over.
    pub(super) ended: u64,
    /// The seed by which feeds delay and repeat.
    pub(super) disorder: Option<u64>,
    /// How far the clock of each shard's server has stepped.
    pub(super) ahead_millis: BTreeMap<u16, i64>,
    /// Shards that answer, and refuse writes.
    pub(super) refuses: BTreeSet<u16>,
    /// Out of which delays of calls are drawn.
    pub(super) delays: Option<Rng>,
    /// What a failover falls back to.
    replica: Option<Vec<Shard>>,
}

impl Plan {
    /// What the clock of a shard's server says while the clock that the store was given stands at
    /// `on`.
    pub(super) fn clock_of(&self, shard: u16, on: Timestamp) -> Timestamp {
        let ahead = self.ahead_millis.get(&shard).copied().unwrap_or_default();
        Timestamp::from_millis(on.as_millis().saturating_add_signed(ahead))
    }

    /// What to do before a call's work.
    pub(super) fn before(&self, call: Call) -> Outcome {
        match self.calls.get(&call) {
            Some(Fault::Fails(kind)) => Outcome::Fails(*kind),
            Some(Fault::Hangs) => Outcome::Hangs,
            Some(Fault::Late(late)) => Outcome::Waits(*late),
            _ => Outcome::Passes,
        }
    }

    /// What to do after it.
    pub(super) fn after(&self, call: Call) -> Outcome {
        match self.calls.get(&call) {
            Some(Fault::FailsAfter(kind)) => Outcome::Fails(*kind),
            Some(Fault::HangsAfter) => Outcome::Hangs,
            _ => Outcome::Passes,
        }
    }
}

/// How a call goes on.
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
            Self::Fails(kind) => Err(Error::new(kind, "the reference store was told to fail")),
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
/// use presence_core::conformance::ReferenceStore;
/// use presence_core::{ManualClock, PresenceStore};
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
        self.0.tell();
    }

    /// From now on, this call goes wrong.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.change(|state| {
            state.plan.calls.insert(call, fault);
        });
    }

    /// From now on, every call goes wrong.
    pub fn inject_all(&self, fault: Fault) {
        self.change(|state| state.plan.calls.extend(Call::ALL.map(|call| (call, fault))));
    }

    /// From now on, calls do what they should. Those that hang go on hanging.
    pub fn heal(&self) {
        self.change(|state| state.plan.calls.clear());
    }

    /// Every call fails with [`Kind::Unavailable`], and all feeds end.
    pub fn go_down(&self) {
        self.inject_all(Fault::Fails(Kind::Unavailable));
        self.end_feeds();
    }

    /// The end of [`go_down`](Self::go_down): everything is as it was.
    pub fn come_back(&self) {
        self.heal();
    }

    /// The end of [`go_down`](Self::go_down), with nothing left and another epoch. Feeds end.
    pub fn come_back_empty(&self) {
        self.change(|state| {
            state.shards.iter_mut().for_each(Shard::lose_all);
            state.plan.calls.clear();
            state.plan.ended += 1;
        });
    }

    /// All feeds end; new ones can be had.
    pub fn end_feeds(&self) {
        self.change(|state| state.plan.ended += 1);
    }

    /// Feeds tell nothing of this shard any more, neither changes nor its time, and do not end.
    pub fn silence(&self, shard: u16) {
        self.change(|state| {
            state.plan.silent.insert(shard);
        });
    }

    /// Feeds tell nothing any more, and do not end.
    pub fn silence_all(&self) {
        self.change(|state| state.plan.silent = (0..state.count()).collect());
    }

    /// The end of silence: what was not told in the meantime is told first.
    pub fn speak(&self) {
        self.change(|state| state.plan.silent.clear());
    }

    /// Feeds deliver late, by up to 400 ms of the clock, and repeat stretches of what they told.
    pub fn disorder(&self, seed: u64) {
        self.change(|state| state.plan.disorder = Some(seed));
    }

    /// The end of disorder.
    pub fn order(&self) {
        self.change(|state| state.plan.disorder = None);
    }

    /// The clocks of all servers step by this many milliseconds, back if negative.
    pub fn jump_clock(&self, millis: i64) {
        self.change(|state| {
            for shard in 0..state.count() {
                *state.plan.ahead_millis.entry(shard).or_default() += millis;
            }
        });
    }

    /// The clock of one shard's server steps by this many milliseconds.
    pub fn jump_clock_of(&self, shard: u16, millis: i64) {
        self.change(|state| *state.plan.ahead_millis.entry(shard).or_default() += millis);
    }

    /// The store answers, and refuses everything that writes: puts, touches, forgets, and proofs of
    /// its time. As one that is full, or whose disk is, or that has lost its replicas.
    pub fn refuse_writes(&self) {
        self.change(|state| state.plan.refuses = (0..state.count()).collect());
    }

    /// The same of one shard only.
    pub fn refuse_writes_of(&self, shard: u16) {
        self.change(|state| {
            state.plan.refuses.insert(shard);
        });
    }

    /// The store takes writes again.
    pub fn accept_writes(&self) {
        self.change(|state| state.plan.refuses.clear());
    }

    /// Calls take their time, there and back: up to 300 ms each.
    pub fn delay(&self, seed: u64) {
        self.change(|state| state.plan.delays = Some(Rng::seeded(seed)));
    }

    /// From now on nothing is replicated: a failover loses it.
    pub fn stop_replication(&self) {
        self.change(|state| state.plan.replica = Some(state.shards.clone()));
    }

    /// Loses what was written since replication stopped; another epoch shows it. Feeds end.
    pub fn fail_over(&self) {
        self.fall_back();
        self.change(|state| state.shards.iter_mut().for_each(Shard::renew_epoch));
    }

    /// Loses what was written since replication stopped, and shows it by nothing but the feeds'
    /// end.
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
