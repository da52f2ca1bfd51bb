//! `MemoryStore`: its constructors, and its implementation of the store trait.

use crate::feed;
use crate::shard::notify;
use crate::shared::Shared;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use presence_core::store::{
    Error, Facts, FeedEvent, ForgetIf, Kind, Misses, Node, PresenceStore, Result, Session, Touch, UserRecord,
};
use presence_core::{Clock, SessionKey, SystemClock, Timestamp, UserId};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A store in the memory of this process.
///
/// Clones share the state. Each clone is a separate handle, like another process: its watch
/// delivers the writes of the other handles. **A handle does not receive its own writes** as long
/// as it has a single watch. So in the common case of one `Presence` on one store, no
/// events are queued.
///
/// A watch ends when its reader falls more than [`QUEUE_ENTRIES`](crate::QUEUE_ENTRIES) behind.
/// Memory grows only with the sessions, within [`max_bytes`](Self::max_bytes), and with the records
/// of users, within `Builder::remember_bytes`. Forgotten records are freed.
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
    /// use presence_core::Timestamp;
    /// use presence_core::testing::ManualClock;
    /// use presence_memory::MemoryStore;
    /// let store = MemoryStore::with_clock(ManualClock::at(Timestamp::from_secs(1_700_000_000)));
    /// # drop(store);
    /// ```
    pub fn with_clock(clock: impl Clock) -> Self {
        Self { shared: Arc::new(Shared::new(Arc::new(clock))), handle: 0 }
    }

    /// Limits the bytes of all sessions, for all handles on the same state. Default: no limit.
    ///
    /// The bytes are estimated; the allocated memory differs by at most a quarter. Beyond the
    /// limit, new and growing sessions are refused with [`Kind::Full`]; renewals and leaves are
    /// not. Set it to at least the roster's limit (`Builder::max_bytes`), since only the roster
    /// refuses sessions without revealing hidden users.
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

    /// Number of users with a record: a last-seen time, a block or an erasure.
    ///
    /// Records are not counted in [`bytes`](Self::bytes), and are never refused: `Presence` limits
    /// them by `Builder::remember_bytes`, in the store and in the process.
    pub fn remembered(&self) -> usize {
        self.shared.shards.iter().map(|shard| shard.lock().records.len()).sum()
    }

    /// Puts a session if there is room for it; returns whether it was accepted.
    fn put_one(&self, session: &Session) -> bool {
        let (shard, hash) = self.shared.locate(&session.user);
        let mut shard = shard.lock();
        let taken = shard.put(hash, session, &self.shared.budget);
        if taken {
            shard.notify(self.handle, |queue| queue.session(session));
        }
        taken
    }

    fn touch_all(&self, touches: &[Touch]) -> Misses {
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
        misses
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
        Ok(self.touch_all(touches))
    }

    fn touch_now(&self, touches: &[Touch]) -> Option<Result<Misses>> {
        Some(Ok(self.touch_all(touches)))
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
