//! `MemoryStore`: the state that its handles share, and the methods of the store trait.

use crate::feed;
use crate::queue::Queue;
use crate::shard::{Budget, Shard, notify};
use async_trait::async_trait;
use foldhash::fast::RandomState;
use futures_util::stream::BoxStream;
use parking_lot::{Mutex, RwLock};
use presence_core::store::{Error, Facts, FeedEvent, ForgetIf, Kind, Misses, PresenceStore, Result, Touch};
use presence_core::time::{Ask, BlindList, TimeLine};
use presence_core::{
    Clock, Node, NodeId, Placement, Session, SessionKey, SystemClock, Timestamp, UserId, UserRecord,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of parts of the map, each with a lock of its own. A power of two.
pub(crate) const SHARDS: usize = 256;

/// A store in the memory of this process.
///
/// Clones share the state, and each is a handle of its own, as another process would be: the watch
/// of one delivers what is written through the others. **A handle does not receive its own writes**
/// as long as it has a single watch. So in the common case of one `Presence` on one store, no
/// events are queued at all.
///
/// A watch whose reader falls [`QUEUE_ENTRIES`](crate::QUEUE_ENTRIES) behind ends. Memory grows
/// only with the sessions, within [`max_bytes`](Self::max_bytes), and with the records of users,
/// within `Builder::remember_bytes`; what is forgotten is freed.
///
/// ```
/// use presence_core::{NodeId, PresenceStore, Timestamp, store::Touch};
/// use presence_memory::MemoryStore;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let other = store.clone();
/// let beat = Touch::Node { node: NodeId::new("n")?, seen_at: store.now().await?, drain_for: None };
/// assert!(other.touch(&[beat]).await?.is_empty());
/// # Ok(()) }
/// ```
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// Number that identifies this handle.
    handle: u64,
}

/// The state that the handles share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    /// The time that was proven, and the stretches in which this process stood still.
    pub(crate) line: Mutex<TimeLine>,
    pub(crate) epoch: Arc<str>,
    pub(crate) shards: Box<[Mutex<Shard>]>,
    /// Locked before a shard, never after.
    nodes: RwLock<Nodes>,
    hasher: RandomState,
    handles: AtomicU64,
    budget: Budget,
}

#[derive(Default)]
struct Nodes {
    known: HashMap<NodeId, Node, RandomState>,
    listeners: Vec<Arc<Queue>>,
}

impl Shared {
    fn locate(&self, user: &UserId) -> (&Mutex<Shard>, u32) {
        let hash = self.hasher.hash_one(user.as_str());
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are used for themselves")]
        let (low, high) = (hash as usize, (hash >> 32) as u32);
        (&self.shards[low % SHARDS], high)
    }

    /// Advances the proven time to `now`. A long step becomes a blind stretch, unless it was
    /// virtual time, `is_skipped` in one step.
    pub(crate) fn prove(&self, now: Timestamp, is_skipped: bool) -> Timestamp {
        let mut line = self.line.lock();
        if is_skipped {
            line.skip(now);
        } else {
            line.advance(&Ask::default(), now);
        }
        line.at
    }

    /// Returns all nodes, and registers `queue` for their changes.
    pub(crate) fn listen_to_nodes(&self, queue: &Arc<Queue>) -> Vec<Node> {
        let mut nodes = self.nodes.write();
        nodes.listeners.push(Arc::clone(queue));
        nodes.known.values().cloned().collect()
    }

    pub(crate) fn stop_listening(&self, queue: &Arc<Queue>) {
        let is_other = |listener: &Arc<Queue>| !Arc::ptr_eq(listener, queue);
        self.nodes.write().listeners.retain(is_other);
        for shard in &self.shards {
            shard.lock().listeners.retain(is_other);
        }
    }
}

impl Nodes {
    fn touch(&mut self, node: Node) {
        match self.known.get_mut(&node.id) {
            Some(known) if known.rank() >= node.rank() => {}
            Some(known) => *known = node,
            None => {
                self.known.insert(node.id.clone(), node);
            }
        }
    }

    /// The last heartbeat of the node that a session lives by; zero if there is none.
    fn seen_at(&self, placement: &Placement) -> Timestamp {
        let is_held = placement.held && placement.left.is_none();
        let node = is_held.then(|| self.known.get(&placement.node)).flatten();
        node.map_or(Timestamp::ZERO, |node| node.seen_at)
    }
}

impl MemoryStore {
    /// An empty store on the system's clock.
    ///
    /// ```
    /// use presence_core::Presence;
    /// use presence_memory::MemoryStore;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let presence = Presence::builder(MemoryStore::new()).start()?;
    /// # drop(presence);
    /// # Ok(()) }
    /// ```
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// An empty store on `clock`.
    ///
    /// ```
    /// use presence_core::{ManualClock, Timestamp};
    /// use presence_memory::MemoryStore;
    /// let store = MemoryStore::with_clock(ManualClock::at(Timestamp::from_secs(1_700_000_000)));
    /// # drop(store);
    /// ```
    pub fn with_clock(clock: impl Clock) -> Self {
        // A memory store has no earlier data that processes could write again, so no blind stretch
        // precedes it.
        let now = clock.now();
        let line = TimeLine { at: now, born: now, blind: BlindList::default() };
        let shared = Shared {
            line: Mutex::new(line),
            clock: Arc::new(clock),
            epoch: format!("{:016x}", presence_core::random::u64()).into(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            nodes: RwLock::default(),
            hasher: RandomState::default(),
            handles: AtomicU64::new(1),
            budget: Budget::default(),
        };
        Self { shared: Arc::new(shared), handle: 0 }
    }

    /// Limits the bytes that sessions may take, for all handles on the same state. Default: no
    /// limit.
    ///
    /// An estimate, within a quarter of what the allocator is asked for. Beyond, new sessions and
    /// those that grow are refused with [`Kind::Full`]; renewals and leaves are not. Set it to at
    /// least the roster's limit (`Builder::max_bytes`), since only the roster refuses sessions
    /// without revealing hidden users.
    ///
    /// ```
    /// use presence_memory::MemoryStore;
    /// let store = MemoryStore::new().max_bytes(512 * 1024 * 1024);
    /// assert_eq!(store.bytes(), 0);
    /// ```
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        self.shared.budget.most.store(max_bytes, Ordering::Relaxed);
        self
    }

    /// Estimated bytes of the sessions.
    pub fn bytes(&self) -> usize {
        self.shared.budget.taken()
    }

    /// Number of users with a record: a last-seen time, an exclusion or an erasure.
    ///
    /// Records are not counted in [`bytes`](Self::bytes), and are never refused: `Presence` limits
    /// them by `Builder::remember_bytes`, here as in the process.
    pub fn remembered(&self) -> usize {
        self.shared.shards.iter().map(|shard| shard.lock().records.len()).sum()
    }

    /// Puts a session if there is room for it; returns whether there was.
    fn put_one(&self, session: &Session) -> bool {
        let (shard, hash) = self.shared.locate(&session.user);
        let mut shard = shard.lock();
        let taken = shard.put(hash, session, &self.shared.budget);
        if taken {
            shard.notify(self.handle, |queue| queue.session(session));
        }
        taken
    }

    /// Moves the times of a session forward; returns whether it exists and has not left.
    fn touch_one(
        &self,
        user: &UserId,
        touch: &Touch,
        seen: (&presence_core::SessionId, Timestamp, Timestamp),
    ) -> bool {
        let (id, seen_at, active_at) = seen;
        let (shard, hash) = self.shared.locate(user);
        let mut shard = shard.lock();
        let Some(is_present) = shard.touch(hash, (user, id), (seen_at, active_at)) else { return false };
        shard.notify(self.handle, |queue| queue.touch(touch));
        is_present
    }

    fn forget_one(&self, seen: &ForgetIf) {
        match seen {
            ForgetIf::Node { node, seen_at } => {
                let mut nodes = self.shared.nodes.write();
                if nodes.known.get(node).is_some_and(|known| known.seen_at <= *seen_at) {
                    nodes.known.remove(node);
                    notify(&nodes.listeners, self.handle, |queue| queue.forgotten(seen));
                }
            }
            ForgetIf::User(record) => {
                let mut shard = self.shared.locate(&record.user).0.lock();
                if shard.records.get(&record.user).is_some_and(|known| record.covers(&known)) {
                    shard.records.remove(&record.user);
                    shard.notify(self.handle, |queue| queue.forgotten(seen));
                }
            }
            ForgetIf::Session { key, seen_at, placed_at } => {
                let nodes = self.shared.nodes.read();
                let (shard, hash) = self.shared.locate(&key.user);
                let mut shard = shard.lock();
                let forgets = shard.get(hash, &key.user, &key.id).is_some_and(|known| {
                    known.seen_at.max(nodes.seen_at(known.placement())) <= *seen_at
                        && known.placement().placed_at <= *placed_at
                });
                if forgets {
                    shard.remove(hash, &key.user, &key.id, &self.shared.budget);
                    shard.notify(self.handle, |queue| queue.forgotten(seen));
                }
            }
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MemoryStore {
    /// Creates another handle on the same state.
    fn clone(&self) -> Self {
        let handle = self.shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared), handle }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("handle", &self.handle).finish_non_exhaustive()
    }
}

#[async_trait]
impl PresenceStore for MemoryStore {
    /// One shard, since this process's own time is the only one.
    fn shards(&self) -> u16 {
        1
    }

    fn shard_of(&self, _user: &UserId) -> u16 {
        0
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        // All sessions are tried, even if one is refused.
        let refused = sessions.iter().filter(|session| !self.put_one(session)).count();
        if refused > 0 {
            return Err(Error::new(Kind::Full, "no room for another session"));
        }
        Ok(())
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        let mut misses = Misses::new();
        for touch in touches {
            match touch {
                Touch::Session { user, id, seen_at, active_at } => {
                    if !self.touch_one(user, touch, (id, *seen_at, *active_at)) {
                        misses.push(SessionKey { user: user.clone(), id: id.clone() });
                    }
                }
                Touch::Node { node, seen_at, drain_for } => {
                    let mut nodes = self.shared.nodes.write();
                    nodes.touch(Node { id: node.clone(), seen_at: *seen_at, drain_for: *drain_for });
                    notify(&nodes.listeners, self.handle, |queue| queue.touch(touch));
                }
            }
        }
        Ok(misses)
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        for record in users {
            let mut shard = self.shared.locate(&record.user).0.lock();
            shard.records.merge(record);
            shard.notify(self.handle, |queue| queue.record(record));
        }
        Ok(())
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        for seen in seen {
            self.forget_one(seen);
        }
        Ok(())
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        let (mut facts, mut asked) = (Facts::default(), HashSet::new());
        for user in users {
            let (shard, hash) = self.shared.locate(user);
            let from = facts.sessions.len();
            let shard = shard.lock();
            facts.sessions.extend(shard.of(hash, user));
            if asked.insert(user) {
                facts.users.extend(shard.records.get(user));
            }
            drop(shard);
            facts.sessions[from..].sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        let nodes = self.shared.nodes.read();
        let held = facts.sessions.iter().filter(|session| session.placement.held);
        let holding: BTreeMap<_, _> =
            held.filter_map(|session| nodes.known.get_key_value(&session.placement.node)).collect();
        facts.nodes = holding.into_values().cloned().collect();
        Ok(facts)
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        feed::of(Arc::clone(&self.shared), self.handle)
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.shared.clock.now().max(self.shared.line.lock().at))
    }
}
