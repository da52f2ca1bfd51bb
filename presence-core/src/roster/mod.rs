//! The local replica of all sessions, indexed by user and topic. Pure code in shards,
//! without a runtime.
//!
//! Every method takes `now`, the process's own time. Nothing here reads a clock or waits. Locks are
//! taken in this order: first one shard; then one of the clocks, the nodes, a scope's pending list
//! or a watch's pending list, and no other lock under these. Code that reads lists or flushes
//! watches takes its own lock first, and then the shards one after the other.

mod clock;
mod inbound;
mod readers;
mod reconcile;
mod sessions;
mod settings;
mod signal;
mod store;
mod user_records;
mod work;

pub use clock::sweep::SweepOutput;
pub use inbound::beat::BeatSource;
pub use inbound::rollback::Rollback;
pub use inbound::store_write::StoreWrite;
pub use readers::diff::{Diff, LeftReason, NotAVersion, SessionEvent, Snapshot, Version};
pub use readers::member::{Counts, Member, MemberSession, Person};
pub use readers::query::{Examined, Viewer};
pub use readers::scope::Scope;
pub use readers::scope_state::{Revision, Sorted};
pub use readers::users::Users;
pub use readers::watch::{Detail, Update};
pub use settings::{Refused, Settings};
pub use user_records::blocks::{DisconnectTarget, Ended, Ending};

pub(crate) use readers::scope_state::ScopeState;
pub(crate) use readers::watch::Watch;

use crate::liveness::Policy;
use crate::model::{Node, NodeId, UserId};
use crate::time::{Timestamp, View};
use clock::due::Due;
use clock::nodes::{NodeState, Nodes};
use clock::readings::Clocks;
use parking_lot::{Mutex, MutexGuard, RwLock};
use readers::shown::Shown;
use readers::sort_queue::SortQueue;
use readers::topics::Topics;
use readers::watch::Dirty;
use reconcile::transition::Reconciler;
use sessions::shard::Shard;
use sessions::stored::WatchNumber;
use signal::Signal;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Number of shards, a power of two. With this many, two heartbeats rarely wait for the same lock,
/// and growing the table of one shard takes little time.
const SHARDS: usize = 256;
/// Most sessions that are processed while the lock of a shard is held.
const HOLD: u32 = 128;

/// The local replica of all sessions, and what is derived from it: counts, lists, joins and leaves.
pub struct Roster {
    settings: Settings,
    incarnation: u64,
    hasher: foldhash::fast::RandomState,
    shards: Box<[Mutex<Shard>]>,
    clocks: RwLock<Arc<Clocks>>,
    /// Offset from the process's time to the store's time, in wrapping milliseconds. It is the only
    /// part of `clocks` that heartbeats need, kept here so that they read it without a lock.
    ahead: AtomicU64,
    nodes: Nodes,
    me: Arc<NodeState>,
    draining: AtomicBool,
    everyone: Arc<ScopeState>,
    due: Arc<Due>,
    /// Called when sweeping or sorting is due earlier than announced.
    early: Arc<Signal>,
    sort_queue: SortQueue,
    shown: Shown,
    /// The shard at which the last sweep stopped, and where the next one continues.
    swept_to: AtomicUsize,
    /// Serialises building the sorted lists of the scope "everyone".
    listing: Mutex<()>,
    topics: Topics,
    /// Number of sessions of all shards, readable without their locks.
    sessions: AtomicUsize,
    watch: WatchNumber,
    versions: AtomicU64,
    dirty: Arc<Dirty>,
    watches: Mutex<readers::watches::Watches>,
    /// Connections that must end, which [`take_endings`](Self::take_endings) has not returned yet.
    endings: Mutex<Vec<Ending>>,
}

impl Roster {
    /// Creates an empty roster at the process's time `now`.
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self::with_locks(SHARDS, settings, now)
    }

    /// Creates a roster with `locks` shards, a power of two. Tests use few shards, to create
    /// rosters quickly.
    fn with_locks(locks: usize, settings: Settings, now: Timestamp) -> Self {
        let (nodes, early) = (Nodes::default(), Arc::<Signal>::default());
        let due = Arc::new(Due::new(locks, Arc::clone(&early)));
        let shard = |number| Mutex::new(Shard::new(number, Arc::clone(&due), now));
        Self {
            incarnation: crate::random::u64(),
            hasher: foldhash::fast::RandomState::default(),
            shards: (0..locks).map(shard).collect(),
            sort_queue: SortQueue::new(Arc::clone(&early)),
            due,
            early,
            ahead: AtomicU64::new(0),
            clocks: RwLock::new(Arc::new(Clocks::new(settings.shards))),
            me: nodes.of(&settings.node),
            nodes,
            draining: AtomicBool::new(false),
            everyone: Arc::new(ScopeState::new(None)),
            shown: Shown::default(),
            swept_to: AtomicUsize::new(0),
            listing: Mutex::new(()),
            topics: Topics::default(),
            sessions: AtomicUsize::new(0),
            watch: WatchNumber::default(),
            versions: AtomicU64::new(0),
            dirty: Arc::default(),
            watches: Mutex::default(),
            endings: Mutex::default(),
            settings,
        }
    }

    /// The name of this process.
    pub fn node(&self) -> &NodeId {
        &self.settings.node
    }

    /// The policy that decides the states of sessions.
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// Number of sessions held, including lapsed ones that are not forgotten yet.
    pub fn len(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Estimated size of all sessions and topics, in bytes.
    pub fn bytes(&self) -> usize {
        self.shown.bytes(self.topics.bytes()).0
    }

    /// Whether the roster holds no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stamp time, which is written into records: the newest proven time of the store plus the
    /// process's time elapsed since.
    pub fn stamp(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().wrapping_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// Whether the roster's content is fresh or stale.
    pub fn view(&self, now: Timestamp) -> View {
        self.clocks().view(now)
    }

    /// Records a heartbeat of this process; returns the node record to write to the store.
    pub fn beat_node(&self, now: Timestamp) -> Node {
        let stamp = self.stamp(now);
        self.beat_of(&self.settings.node, stamp, self.me.drain_for(), now)
    }

    /// Starts draining this process: its held sessions stay alive for `reconnect_in`, and it is no
    /// longer a candidate for forgetting sessions. Returns the node record to write to the store.
    pub fn drain(&self, reconnect_in: Duration, now: Timestamp) -> Node {
        self.draining.store(true, Ordering::Release);
        let stamp = self.stamp(now).max(self.me.seen_at() + Duration::from_millis(1));
        self.beat_of(&self.settings.node, stamp, Some(reconnect_in), now)
    }

    /// The shard of a user, and the half of the user's hash that the shard's index stores.
    fn shard_of(&self, user: &UserId) -> (&Mutex<Shard>, u32) {
        let hash = self.hasher.hash_one(user.as_str());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half is for the index, the upper for the shard"
        )]
        (&self.shards[(hash >> 56) as usize & (self.shards.len() - 1)], hash as u32)
    }

    /// Runs `work` under the lock of the user's shard, then applies pending list updates if there
    /// are too many.
    fn under_lock<T>(
        &self,
        user: &UserId,
        now: Timestamp,
        work: impl FnOnce(&mut Shard, u32, &Reconciler<'_>) -> T,
    ) -> T {
        let (shard, hash) = self.shard_of(user);
        self.reconciling(shard.lock(), now, |locked, reconciler| work(locked, hash, reconciler))
    }

    /// Like [`under_lock`](Self::under_lock), with the lock of the shard already held.
    fn reconciling<T>(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        now: Timestamp,
        work: impl FnOnce(&mut Shard, &Reconciler<'_>) -> T,
    ) -> T {
        let clocks = self.clocks();
        let done = work(&mut shard, &self.reconciler(&clocks.at(now)));
        drop(shard);
        self.relieve();
        done
    }

    /// The proven clocks. Code that reconciles sessions reads them *under* the lock of the shard.
    /// So no session is ever reconciled with older clocks than the last time.
    fn clocks(&self) -> Arc<Clocks> {
        Arc::clone(&self.clocks.read())
    }

    fn reconciler<'a>(&'a self, times: &'a clock::readings::ClockReadings<'a>) -> Reconciler<'a> {
        let (policy, all, ranking) = (&self.settings.policy, &self.everyone, &self.topics.ranking);
        Reconciler { policy, times, all, sort_queue: &self.sort_queue, shown: &self.shown, ranking }
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Calls `visit` for every session, releasing the shard's lock every [`HOLD`] slots. `visit`
    /// may remove the session that it was called with.
    fn walk(&self, now: Timestamp, mut visit: impl FnMut(&mut Shard, u32, &Reconciler<'_>)) {
        for lock in &self.shards {
            let mut at = 0;
            loop {
                let mut locked = lock.lock();
                let clocks = self.clocks();
                let times = clocks.at(now);
                let end = locked.slots.end();
                let until = end.min(at + HOLD);
                for at in at..until {
                    if locked.slots.get(at).is_some() {
                        visit(&mut locked, at, &self.reconciler(&times));
                    }
                }
                drop(locked);
                self.relieve();
                at = until;
                if at >= end {
                    break;
                }
            }
        }
    }

    /// Removes a session from its shard and from the roster's totals.
    fn drop_session(&self, shard: &mut Shard, at: u32) {
        if let Some(slot) = shard.remove(at) {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
            self.shown.all_bytes.fetch_sub(slot.counted_bytes(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
