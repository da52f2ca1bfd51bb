//! The local replica of all sessions, indexed by user and topic: pure, sharded, without a runtime.
//!
//! Every method takes `now`, the process's own time; nothing here reads a clock, waits, or calls
//! out while it holds a lock. Locks are taken in this order: one shard, then leaves (the clocks, a
//! scope's pending list, a watch's pending list, the nodes). Reading lists and flushing watches
//! take their own lock first and then, one at a time, shards.

mod clock;
mod inbound;
mod readers;
mod reconcile;
mod sessions;
mod settings;
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
pub use readers::scope_state::Sorted;
pub use readers::users::Users;
pub use readers::watch::{Detail, Update};
pub use settings::{Refused, Settings};
pub use user_records::exclusion::{DisconnectTarget, Ended, Ending};

pub(crate) use readers::scope_state::ScopeState;
pub(crate) use readers::watch::Watch;

use crate::liveness::Policy;
use crate::model::{Node, NodeId, UserId};
use crate::time::{Timestamp, View};
use clock::nodes::{NodeState, Nodes};
use clock::readings::Clocks;
use parking_lot::{Mutex, RwLock};
use readers::scope_state::SortQueue;
use readers::shown::Shown;
use readers::topics::Topics;
use readers::watch::Dirty;
use reconcile::transition::Reconciler;
use sessions::shard::Shard;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Locks: enough that a beat rarely meets another, and that no table's growth is a long wait. A
/// power of two.
const SHARDS: usize = 256;
/// How many sessions are worked on at most before a shard's lock is let go.
const HOLD: u32 = 256;

/// The local replica: what is known of all sessions, and what this means.
pub struct Roster {
    settings: Settings,
    incarnation: u64,
    hasher: foldhash::fast::RandomState,
    shards: Box<[Mutex<Shard>]>,
    clocks: RwLock<Arc<Clocks>>,
    /// How far the store's time is ahead of the process's, in milliseconds, wrapping: what beats
    /// need of `clocks`.
    ahead: AtomicU64,
    nodes: Nodes,
    me: Arc<NodeState>,
    draining: AtomicBool,
    everyone: Arc<ScopeState>,
    sort_queue: SortQueue,
    shown: Shown,
    /// The shard at which the last sweep ended.
    swept_to: AtomicUsize,
    /// Held while the lists of everyone are made.
    listing: Mutex<()>,
    topics: Topics,
    sessions: AtomicUsize,
    /// Which watch of the store this is, from 1 to 255 and around: zero is what a session has that
    /// was never told.
    generation: AtomicU8,
    /// Whether anything was told in this watch. One that told nothing needs no other number, so
    /// that no outage is so long that the numbers come around.
    heard: AtomicBool,
    versions: AtomicU64,
    dirty: Arc<Dirty>,
    watches: Mutex<readers::watches::Watches>,
    /// What is to be ended in this process, and has not been taken yet.
    endings: Mutex<Vec<Ending>>,
}

impl Roster {
    /// An empty roster that starts at `now`.
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self::with_locks(SHARDS, settings, now)
    }

    /// The same with so many locks, a power of two: a small one is made in no time.
    fn with_locks(locks: usize, settings: Settings, now: Timestamp) -> Self {
        let nodes = Nodes::default();
        Self {
            incarnation: crate::random::u64(),
            hasher: foldhash::fast::RandomState::default(),
            shards: (0..locks).map(|_| Mutex::new(Shard::new(now))).collect(),
            ahead: AtomicU64::new(0),
            clocks: RwLock::new(Arc::new(Clocks::new(settings.shards))),
            me: nodes.of(&settings.node),
            nodes,
            draining: AtomicBool::new(false),
            everyone: Arc::new(ScopeState::new(None)),
            sort_queue: SortQueue::default(),
            shown: Shown::default(),
            swept_to: AtomicUsize::new(0),
            listing: Mutex::new(()),
            topics: Topics::default(),
            sessions: AtomicUsize::new(0),
            generation: AtomicU8::new(1),
            heard: AtomicBool::new(false),
            versions: AtomicU64::new(0),
            dirty: Arc::default(),
            watches: Mutex::default(),
            endings: Mutex::default(),
            settings,
        }
    }

    /// Which process this is.
    pub fn node(&self) -> &NodeId {
        &self.settings.node
    }

    /// The windows.
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// How many sessions it holds, gone ones included until they are forgotten.
    pub fn len(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// About how many bytes its sessions and topics take.
    pub fn bytes(&self) -> usize {
        self.shown.bytes(self.topics.bytes()).0
    }

    /// Whether it holds no session at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stamps are made with: the newest proven time of the store, and the process's own time
    /// since.
    pub fn stamp(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().wrapping_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// Whether what it shows is worth believing.
    pub fn view(&self, now: Timestamp) -> View {
        self.clocks().view(now)
    }

    /// Beats for this process; answers what the store is to be told.
    pub fn beat_node(&self, now: Timestamp) -> Node {
        let stamp = self.stamp(now);
        self.beat_of(&self.settings.node, stamp, self.me.drain_for(), now)
    }

    /// This process as the others see it.
    pub fn own_node(&self) -> Node {
        self.me.fact()
    }

    /// Makes this process one that drains: its held sessions live on for `reconnect_in`, and it
    /// ranks nowhere.
    pub fn drain(&self, reconnect_in: Duration, now: Timestamp) -> Node {
        self.draining.store(true, Ordering::Release);
        let stamp = self.stamp(now).max(self.me.seen_at() + Duration::from_millis(1));
        self.beat_of(&self.settings.node, stamp, Some(reconnect_in), now)
    }

    /// The shard of a user, and the part of the hash that its index keeps.
    fn shard_of(&self, user: &UserId) -> (&Mutex<Shard>, u32) {
        let hash = self.hasher.hash_one(user.as_str());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half is for the index, the upper for the shard"
        )]
        (&self.shards[(hash >> 56) as usize & (self.shards.len() - 1)], hash as u32)
    }

    /// Works on one user under the lock of their shard, and tidies up behind it.
    fn under_lock<T>(
        &self,
        user: &UserId,
        now: Timestamp,
        work: impl FnOnce(&mut Shard, u32, &Reconciler<'_>) -> T,
    ) -> T {
        let (shard, hash) = self.shard_of(user);
        let mut shard = shard.lock();
        let clocks = self.clocks();
        let done = work(&mut shard, hash, &self.reconciler(&clocks.at(now)));
        drop(shard);
        self.relieve();
        done
    }

    /// The proven clocks. To be taken *under* a shard's lock by whoever settles: then no session is
    /// ever judged by older clocks than it was judged by before.
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

    /// Visits every session, a part of a shard at a time; `visit` may remove the session that it is
    /// given.
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

    /// Takes a session out of its shard, and out of the count.
    fn drop_session(&self, shard: &mut Shard, at: u32) {
        if let Some(slot) = shard.remove(at) {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
            self.shown.all_bytes.fetch_sub(slot.counted_bytes(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
