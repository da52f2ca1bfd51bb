//! The handle.

use super::report::{Explanation, Health};
use super::scope_view::ScopeView;
use super::shared::Shared;
use super::subscription::{CountUpdates, Subscription, ViewUpdates};
use super::{Builder, Error, Hold, tasks};
use crate::liveness::Policy;
use crate::model::{Beat, Leave, Message, Node, Session, SessionKey, Status, Topic, UserId};
use crate::roster::{BeatSource, Counts, Detail, Person, Scope, Version, Viewer};
use crate::store::PresenceStore;
use crate::time::{Clock, Timestamp};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Who is here, active, idle or gone, and where.
///
/// Cheap to clone. All questions are answered from this process's own replica, without touching the
/// network. The last clone's drop ends its tasks; [`shutdown`](Self::shutdown) does so in good
/// order.
#[derive(Clone)]
pub struct Presence {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Arc<Tasks>,
}

/// The background tasks; they end with the last handle.
pub(super) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(super) fn abort(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}

/// What became of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeatOutcome {
    /// The store has it.
    Stored {
        /// The placement that the session has now: a later [`Leave`] may name it.
        placed_at: Timestamp,
    },
    /// It renews what was renewed a moment ago: it counts here at once, and the store is told
    /// within a quarter of the window, together with all that follow until then.
    Postponed {
        /// The placement that the session has now.
        placed_at: Timestamp,
    },
    /// It came within the grace of the session's leave, and was dropped.
    Late,
}

impl Presence {
    /// Settings of a new one, on this store.
    pub fn builder(store: impl PresenceStore) -> Builder {
        Builder::new(Arc::new(store))
    }

    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let tasks = Arc::new(Tasks(tasks::start(&shared)));
        Self { shared, tasks }
    }

    /// Returns once the roster holds what the store holds. Cancel-safe; waits as long as the store
    /// is down.
    pub async fn ready(&self) {
        // The sender lives in `shared`, which we hold.
        let _ = self.shared.is_ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The time that stamps are made with: the store's, as far as it is known.
    pub fn now(&self) -> Timestamp {
        self.shared.roster.stamp(self.shared.now())
    }

    /// The process's clock, for whatever must go in step with presence.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The windows that count here.
    pub fn policy(&self) -> &Policy {
        self.shared.roster.policy()
    }

    /// Takes a beat: shows it here at once, and tells the store.
    ///
    /// # Errors
    /// [`Error::Degraded`] after at most 2 s if the store does not answer: the beat counts here and
    /// is told later. [`Error::Rejected`], [`Error::Full`], [`Error::TooManyTopics`],
    /// [`Error::Blocked`], [`Error::ShuttingDown`]: it does not count.
    ///
    /// # Cancellation
    /// Dropping the future undoes nothing: the store is then told in the background.
    pub async fn beat(&self, beat: Beat) -> Result<BeatOutcome, Error> {
        let shared = &self.shared;
        if shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        shared.calibrated().await;
        let shard = shared.store().shard_of(&beat.user);
        let told = shared.roster.beat(&beat, BeatSource::Beat, shard, shared.now())?;
        shared.tell(told).await
    }

    /// Takes a leave: the others see it after the policy's grace, unless it says *now*. Leaving
    /// twice, or a session that is not known, is no error.
    ///
    /// # Errors
    /// Those of [`beat`](Self::beat), but for `Full` and `TooManyTopics`.
    ///
    /// # Cancellation
    /// As for [`beat`](Self::beat).
    pub async fn leave(&self, leave: Leave) -> Result<(), Error> {
        if self.shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        let told = self.shared.roster.leave(&leave, self.shared.now());
        self.shared.tell(told).await.map(drop)
    }

    /// Declares a status for a session, for as long as that lives, or until `until`.
    ///
    /// A session that is not known comes to be by it without a beat: whether it then counts as
    /// alive is the policy's `declared_counts`.
    ///
    /// # Errors
    /// Those of [`beat`](Self::beat).
    ///
    /// # Cancellation
    /// As for [`beat`](Self::beat).
    pub async fn declare(
        &self,
        key: SessionKey,
        status: Status,
        message: Option<Message>,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        if self.shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        self.shared.calibrated().await;
        let shard = self.shared.store().shard_of(&key.user);
        let declares = (status, message, until);
        let told = self.shared.roster.declare(&key, declares, shard, self.shared.now())?;
        self.shared.tell(told).await.map(drop)
    }

    /// Binds a session to a connection of this process, as `beat` describes it; returns at once.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooManyTopics`], [`Error::Blocked`] and [`Error::ShuttingDown`]:
    /// nothing has been touched.
    pub fn hold(&self, beat: Beat) -> Result<Hold, Error> {
        if self.shared.draining.borrow().is_some() {
            return Err(Error::ShuttingDown);
        }
        let beat = Beat { enters: true, ..beat };
        Ok(Hold::new(Arc::clone(&self.shared), &beat)?)
    }

    /// One user with their sessions, gone or not; `None` if nothing at all is known of them.
    pub fn user(&self, user: &UserId) -> Option<Person> {
        self.shared.roster.person(user)
    }

    /// One user as a viewer may see them: for all but the user and operators, one who declared to
    /// be offline is one who left at that moment.
    pub fn user_as(&self, viewer: &Viewer, user: &UserId) -> Option<Person> {
        let shared = &self.shared;
        shared.roster.person_as(viewer, user, shared.store().shard_of(user), shared.now())
    }

    /// When a user was last seen, as a viewer may see it: what [`user_as`](Self::user_as) says of
    /// it, without a copy of sessions and topics.
    pub fn last_seen_as(&self, viewer: &Viewer, user: &UserId) -> Option<Timestamp> {
        let shared = &self.shared;
        shared.roster.last_seen_as(viewer, user, shared.store().shard_of(user), shared.now())
    }

    /// Several users, in this order.
    pub fn users(&self, users: &[UserId]) -> Vec<Option<Person>> {
        users.iter().map(|user| self.user(user)).collect()
    }

    /// One session's record as this process knows it, gone or not.
    ///
    /// For hosts whose own rules ask where a session was placed, when, and whether it has left.
    pub fn session(&self, key: &SessionKey) -> Option<Session> {
        self.shared.roster.session(key)
    }

    /// One topic.
    pub fn topic(&self, topic: &Topic) -> ScopeView {
        ScopeView::new(Arc::clone(&self.shared), Some(topic))
    }

    /// Everybody.
    pub fn everyone(&self) -> ScopeView {
        ScopeView::new(Arc::clone(&self.shared), None)
    }

    /// The topics with most users online, the ties by name.
    pub fn topics(&self, limit: usize) -> Vec<(Topic, Counts)> {
        self.shared.roster.top_topics(limit)
    }

    /// A scope's snapshot, then its diffs.
    ///
    /// The first reader of a scope pays for looking at everybody in it; all readers share what is
    /// made.
    pub fn subscribe(&self, scope: &Scope) -> Subscription {
        Subscription::new(&self.shared, scope, Detail::Members, None)
    }

    /// The same, starting with the diff since `version` where that is still known, else with a
    /// snapshot.
    pub fn subscribe_from(&self, scope: &Scope, version: Version) -> Subscription {
        Subscription::new(&self.shared, scope, Detail::Members, Some(version))
    }

    /// The same, with sessions in members and diffs.
    pub fn subscribe_sessions(&self, scope: &Scope) -> Subscription {
        Subscription::new(&self.shared, scope, Detail::Sessions, None)
    }

    /// A scope's counts whenever they change, the newest only.
    pub fn watch_counts(&self, scope: &Scope) -> CountUpdates {
        CountUpdates::new(&self.shared, scope)
    }

    /// Whether what is shown is worth believing, whenever that changes.
    pub fn watch_view(&self) -> ViewUpdates {
        ViewUpdates::new(&self.shared)
    }

    /// How this process stands with its store.
    pub fn health(&self) -> Health {
        Health::of(&self.shared)
    }

    /// Why a user is what they are.
    pub fn explain(&self, user: &UserId) -> Explanation {
        Explanation::of(&self.shared, user)
    }

    /// This process as the others see it.
    pub fn node(&self) -> Node {
        self.shared.roster.own_node()
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").field("node", self.shared.roster.node()).finish_non_exhaustive()
    }
}
