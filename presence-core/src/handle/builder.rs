//! How a `Presence` comes to be.

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

    /// The windows. Default: [`Policy::default`]. The same in every process on one store.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The process's clock. Default: [`SystemClock`].
    ///
    /// Tests give a [`ManualClock`](crate::ManualClock), the same one to the store.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// What names of this process begin with, for the eyes of operators. Default: `node`. At most
    /// 200 bytes, without control characters; what does not fit is left out.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// How many sessions may show in the roster of this process before a *new* one is refused with
    /// [`Error::Full`](super::Error::Full). Default: 4,000,000, about 1 GB if each is in one topic.
    ///
    /// Counts the sessions of the whole cluster. Those that do not show (gone ones until they are
    /// forgotten, and those of hidden users) do not count, up to the same number again: nobody
    /// learns of hidden users by being refused. What other processes have already taken is never
    /// refused.
    pub fn max_sessions(self, max_sessions: usize) -> Self {
        Self { max_sessions, ..self }
    }

    /// How many bytes the sessions and topics in the roster of this process may take before what
    /// needs more is refused with [`Error::Full`](super::Error::Full): a new session, more topics,
    /// a longer meta or message. Renewals, leaves and hiding are never refused. Default: 2 GiB.
    ///
    /// By estimate, which is within a quarter of what the allocator is asked for. A quarter of the
    /// budget is kept for sessions that do not show, and what they take of it counts for nobody
    /// else. A store in memory has a budget of its own.
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// How many topics all sessions of one user may be in together, each counted as often as a
    /// session is in it, before one that would be in *more* topics is refused with
    /// [`Error::TooManyTopics`](super::Error::TooManyTopics). Default: 1,024, as many as 16
    /// sessions in 64 topics each.
    ///
    /// Bounds what one hit of such a user costs: a change of status shows in all of them.
    pub fn max_topics_per_user(self, max_topics_per_user: usize) -> Self {
        Self { max_topics_per_user, ..self }
    }

    /// How many bytes this process spends on what it remembers of users: who was disconnected or
    /// erased, and when users were last seen, if the policy says that it is remembered. Default: 256
    /// MiB, some 3.5 million users.
    ///
    /// What exceeds it goes within ten seconds, those first who were seen longest ago; one process
    /// of the cluster has the store forget them as well. Where blocks and erasures alone take all of
    /// it, and at least 1 MiB, another one is refused with [`Error::Full`](super::Error::Full).
    pub fn remember_bytes(self, remember_bytes: usize) -> Self {
        Self { remember_bytes, ..self }
    }

    /// Starts, with the store up or down. The roster fills in the background: see
    /// [`Presence::ready`].
    ///
    /// # Errors
    /// [`InvalidPolicy`] when the windows do not fit together.
    ///
    /// # Panics
    /// Outside a tokio runtime.
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
