//! The builder of a `Presence`: its settings and their defaults.

use super::Presence;
use super::shared::Shared;
use crate::liveness::{InvalidPolicy, Policy};
use crate::model::NodeId;
use crate::roster::{Roster, Settings};
use crate::store::PresenceStore;
use crate::time::{Clock, SystemClock};
use std::sync::Arc;

/// Settings of a [`Presence`], each with a default that suits most hosts.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    store: Arc<dyn PresenceStore>,
    policy: Policy,
    clock: Arc<dyn Clock>,
    label: String,
    max_sessions: usize,
    max_bytes: usize,
    max_topics_per_user: usize,
    remember_bytes: usize,
}

impl Builder {
    pub(super) fn new(store: Arc<dyn PresenceStore>) -> Self {
        Self {
            store,
            policy: Policy::default(),
            clock: Arc::new(SystemClock),
            label: "node".to_owned(),
            max_sessions: 4_000_000,
            max_bytes: 2 * 1024 * 1024 * 1024,
            max_topics_per_user: 1_024,
            remember_bytes: 256 * 1024 * 1024,
        }
    }

    /// The policy, which decides when sessions are idle or gone. Default: [`Policy::default`]. Must
    /// be the same in every process on one store.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Policy, Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// use std::time::Duration;
    /// let builder = Presence::builder(store).policy(Policy::default().lease_for(Duration::from_secs(30)));
    /// # drop(builder);
    /// ```
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The process's clock. Default: [`SystemClock`].
    ///
    /// Tests pass a [`ManualClock`](crate::testing::ManualClock), and the same one to the store.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// use presence_core::{Presence, Timestamp};
    /// use presence_core::testing::ManualClock;
    /// let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    /// let builder = Presence::builder(MemoryStore::new(clock.clone())).clock(clock);
    /// # drop(builder);
    /// ```
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Prefix of this process's node name, by which operators recognise it. Default: `node`.
    /// Control characters are removed, and at most 50 characters are used.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// let builder = Presence::builder(store).label("eu-1");
    /// # drop(builder);
    /// ```
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// Most visible sessions in the roster of this process. Beyond that, *new* sessions are refused
    /// with [`Error::Full`](super::Error::Full). Default: 4,000,000, about 1 GB if each is in one
    /// topic.
    ///
    /// The roster holds the sessions of the whole cluster. The same number of invisible sessions
    /// (lapsed but not forgotten, or of hidden users) is allowed in addition, so that a refusal
    /// reveals nothing about hidden users. Sessions that other processes have accepted
    /// are never refused.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// let builder = Presence::builder(store).max_sessions(200_000);
    /// # drop(builder);
    /// ```
    pub fn max_sessions(self, max_sessions: usize) -> Self {
        Self { max_sessions, ..self }
    }

    /// Most bytes of the sessions and topics in the roster of this process. Beyond that, heartbeats
    /// that need more are refused with [`Error::Full`](super::Error::Full): with a new session,
    /// more topics, a longer meta or message. Renewals, leaves and hiding are never refused.
    /// Default: 2 GiB.
    ///
    /// The bytes are estimated; the allocated memory differs by at most a quarter. A quarter of the
    /// budget is reserved for invisible sessions, which do not reduce the room for visible ones
    /// while they fit into it. A memory store has a budget of its own.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// let builder = Presence::builder(store).max_bytes(512 * 1024 * 1024);
    /// # drop(builder);
    /// ```
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Most memberships of one user: the number of topics summed over all sessions of the user.
    /// Beyond that, a heartbeat that adds memberships is refused with
    /// [`Error::TooManyTopics`](super::Error::TooManyTopics). Default: 1,024, as many as 16
    /// sessions in 64 topics each.
    ///
    /// This limits the cost of one heartbeat, since a change of status affects all topics
    /// of the user.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// let builder = Presence::builder(store).max_topics_per_user(100);
    /// # drop(builder);
    /// ```
    pub fn max_topics_per_user(self, max_topics_per_user: usize) -> Self {
        Self { max_topics_per_user, ..self }
    }

    /// Most bytes for records of users: blocks, erasures, and last-seen times if the policy keeps
    /// them. Default: 256 MiB, about 3.5 million users.
    ///
    /// Records beyond that are dropped within ten seconds, those of users seen longest ago first;
    /// one process of the cluster makes the store forget them too. If blocks and erasures alone
    /// take all of it (and at least 1 MiB), further ones are refused with
    /// [`Error::Full`](super::Error::Full).
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # let store = MemoryStore::new(SystemClock);
    /// let builder = Presence::builder(store).remember_bytes(64 * 1024 * 1024);
    /// # drop(builder);
    /// ```
    pub fn remember_bytes(self, remember_bytes: usize) -> Self {
        Self { remember_bytes, ..self }
    }

    /// Starts the presence, whether or not the store is reachable. The roster fills in the
    /// background: see [`Presence::ready`].
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// # use presence_core::{Presence, SystemClock};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryStore::new(SystemClock);
    /// let presence = Presence::builder(store).start()?;
    /// presence.ready().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidPolicy`] if a field of the policy violates its constraint.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Presence, InvalidPolicy> {
        self.policy.validate()?;
        super::metrics::describe();
        let label: String = self.label.chars().filter(|c| !c.is_control()).take(50).collect();
        let label = if label.is_empty() { "node" } else { &label };
        let Ok(node) = NodeId::draw(label) else {
            unreachable!("50 characters and 17 bytes are a valid name")
        };
        let shards = self.store.shards();
        let Self { policy, max_sessions, max_bytes, max_topics_per_user, remember_bytes, .. } = self;
        let settings =
            Settings { policy, node, shards, max_sessions, max_bytes, max_topics_per_user, remember_bytes };
        let roster = Roster::new(settings, self.clock.now());
        Ok(Presence::start(Arc::new(Shared::new(self.store, roster, self.clock))))
    }
}
