//! `Presence`, the handle of a host: heartbeats, leaves, declarations, queries and subscriptions.

use super::report::{Explanation, Health};
use super::scope_view::ScopeView;
use super::shared::Shared;
use super::subscription::{CountUpdates, Subscription, ViewUpdates};
use super::{Builder, Error, Hold, tasks};
use crate::liveness::Policy;
use crate::model::{Beat, BeatKind, Declaration, Leave, NodeId, Session, SessionKey, Topic, UserId};
use crate::roster::{BeatSource, Counts, Person, Scope, Viewer};
use crate::store::PresenceStore;
use crate::time::{Clock, Timestamp};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The presence of users: who is active, idle or gone, and where.
///
/// Cheap to clone. Queries are answered from this process's own replica, without network access.
/// Dropping the last clone ends the background tasks; [`shutdown`](Self::shutdown) does so in
/// order.
#[derive(Clone)]
pub struct Presence {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Arc<Tasks>,
}

/// The background tasks, which end with the last handle.
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

/// The outcome of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeatOutcome {
    /// The store has it.
    Stored {
        /// When the session's present placement was made; a later [`Leave`] may name it.
        placed_at: Timestamp,
    },
    /// The heartbeat repeats a recent one. It counts here at once; the store gets one renewal for
    /// all such heartbeats within a quarter of the window.
    Postponed {
        /// When the session's present placement was made.
        placed_at: Timestamp,
    },
    /// The heartbeat came within the grace of the session's leave, and was ignored.
    Late,
}

impl Presence {
    /// The settings of a new `Presence` on `store`.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// use presence_core::{Policy, Presence, SystemClock};
    /// use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let presence = Presence::builder(MemoryStore::new(SystemClock))
    ///     .policy(Policy::default().grace(Duration::from_secs(2)))
    ///     .start()?;
    /// # drop(presence);
    /// # Ok(()) }
    /// ```
    pub fn builder(store: impl PresenceStore) -> Builder {
        Builder::new(Arc::new(store))
    }

    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let tasks = Arc::new(Tasks(tasks::start(&shared)));
        Self { shared, tasks }
    }

    /// Returns once the roster holds what the store holds. Cancel-safe; waits as long as the store
    /// is unreachable.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// // Until now a list may lack users who are known to other processes.
    /// presence.ready().await;
    /// println!("{} online", presence.everyone().counts().online);
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self) {
        // The sender lives in `shared`, which this handle keeps alive.
        let _ = self.shared.is_ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The time that records are stamped with: the store's, as far as it is known.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let person = presence.user(&"alice".parse()?);
    /// if let Some(last_seen) = person.and_then(|person| person.last_seen) {
    ///     println!("seen {:?} ago", presence.now().since(last_seen));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn now(&self) -> Timestamp {
        self.shared.roster.stamp(self.shared.now())
    }

    /// The process's clock, for code of the host that must agree with presence.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// let clock = presence.clock();
    /// clock.sleep_until(clock.now() + Duration::from_secs(5)).await;
    /// # Ok(()) }
    /// ```
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The policy that sessions are judged by.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let beat_every = presence.policy().lease_for * 2 / 5;
    /// # let _ = beat_every;
    /// # Ok(()) }
    /// ```
    pub fn policy(&self) -> &Policy {
        self.shared.roster.policy()
    }

    /// Records a heartbeat: it shows here at once, and is written to the store.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, BeatOutcome, Error, Topics};
    ///
    /// let beat = Beat::enter("alice".parse()?, "tab-1".parse()?).topics(Topics::new(["lobby".parse()?])?);
    /// match presence.beat(beat).await {
    ///     Ok(BeatOutcome::Stored { placed_at }) => println!("placed at {placed_at:?}"),
    ///     Ok(_) => println!("recorded"),
    ///     Err(Error::Degraded(error)) => println!("recorded here, written later: {error}"),
    ///     Err(error) => println!("refused: {error}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Degraded`] after at most 2 s if the store does not answer: the heartbeat counts
    /// here and is written later. [`Error::Rejected`], [`Error::Full`], [`Error::TooManyTopics`],
    /// [`Error::Blocked`], [`Error::ShuttingDown`]: it does not count.
    ///
    /// # Cancellation
    /// Dropping the future reverts nothing: the store write then happens in the background.
    pub async fn beat(&self, beat: Beat) -> Result<BeatOutcome, Error> {
        let shared = &self.shared;
        if shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        shared.calibrated().await;
        let shard = shared.store().shard_of(&beat.user);
        let write = shared.roster.beat(&beat, BeatSource::Beat, shard, shared.now())?;
        shared.write(write).await
    }

    /// Ends a session, or memberships of it: other users see that after the policy's grace, unless
    /// the leave is immediate. Leaving twice, or leaving an unknown session, is no error.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Leave;
    /// presence.leave(Leave::new("alice".parse()?, "tab-1".parse()?).immediately()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`beat`](Self::beat), except `Full` and `TooManyTopics`.
    ///
    /// # Cancellation
    /// As for [`beat`](Self::beat).
    pub async fn leave(&self, leave: Leave) -> Result<(), Error> {
        if self.shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        let write = self.shared.roster.leave(&leave, self.shared.now());
        self.shared.write(write).await.map(drop)
    }

    /// Declares a status for a session, for as long as the session lives or until the declaration
    /// ends.
    ///
    /// An unknown session is entered by it without a heartbeat: the policy's `declared_only`
    /// decides whether it then counts as alive.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Declaration, Message, SessionKey, Status};
    /// use std::time::Duration;
    ///
    /// let key = SessionKey { user: "alice".parse()?, id: "tab-1".parse()? };
    /// let lunch = Declaration::new(Status::Away)
    ///     .message(Message::new("at lunch")?)
    ///     .until(presence.now() + Duration::from_mins(30));
    /// presence.declare(key, lunch).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`beat`](Self::beat).
    ///
    /// # Cancellation
    /// As for [`beat`](Self::beat).
    pub async fn declare(
        &self,
        key: SessionKey,
        declaration: impl Into<Declaration> + Send,
    ) -> Result<(), Error> {
        let declaration = declaration.into();
        if self.shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        self.shared.calibrated().await;
        let shard = self.shared.store().shard_of(&key.user);
        let write = self.shared.roster.declare(&key, declaration, shard, self.shared.now())?;
        self.shared.write(write).await.map(drop)
    }

    /// Binds the session that `beat` describes to a connection of this process; returns at once.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, Topics};
    ///
    /// let beat = Beat::enter("alice".parse()?, "socket-1".parse()?).topics(Topics::new(["lobby".parse()?])?);
    /// let hold = presence.hold(beat)?;
    /// // … serve the connection …
    /// drop(hold); // she leaves, after the grace
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooManyTopics`], [`Error::Blocked`] and [`Error::ShuttingDown`]:
    /// nothing was changed.
    pub fn hold(&self, beat: Beat) -> Result<Hold, Error> {
        if self.shared.draining.borrow().is_some() {
            return Err(Error::ShuttingDown);
        }
        let beat = Beat { kind: BeatKind::Enter, ..beat };
        Ok(Hold::new(Arc::clone(&self.shared), &beat)?)
    }

    /// A user with all sessions, present or gone; `None` if nothing is known of the user.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// match presence.user(&"alice".parse()?) {
    ///     Some(person) => println!("{} with {} sessions", person.member.status, person.member.sessions.len()),
    ///     None => println!("nobody knows her"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn user(&self, user: &UserId) -> Option<Person> {
        self.shared.roster.person(user)
    }

    /// A user as `viewer` may see them: to other users, one who declared to be offline looks like
    /// one who left at that moment.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Viewer;
    /// let seen = presence.user_as(&Viewer::User("bob".parse()?), &"alice".parse()?);
    /// println!("to Bob she is {:?}", seen.map(|person| person.member.liveness));
    /// # Ok(()) }
    /// ```
    pub fn user_as(&self, viewer: &Viewer, user: &UserId) -> Option<Person> {
        let shared = &self.shared;
        shared.roster.person_as(viewer, user, shared.store().shard_of(user), shared.now())
    }

    /// When a user was last seen, as far as `viewer` may know: the same as in
    /// [`user_as`](Self::user_as), without copying sessions and topics.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Viewer;
    /// let last_seen = presence.last_seen_as(&Viewer::Anyone, &"alice".parse()?);
    /// # let _ = last_seen;
    /// # Ok(()) }
    /// ```
    pub fn last_seen_as(&self, viewer: &Viewer, user: &UserId) -> Option<Timestamp> {
        let shared = &self.shared;
        shared.roster.last_seen_as(viewer, user, shared.store().shard_of(user), shared.now())
    }

    /// Several users, in the given order.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let friends = ["bob".parse()?, "carol".parse()?];
    /// for (user, person) in friends.iter().zip(presence.users(&friends)) {
    ///     println!("{user}: {}", person.is_some_and(|person| person.member.liveness.is_live()));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn users(&self, users: &[UserId]) -> Vec<Option<Person>> {
        users.iter().map(|user| self.user(user)).collect()
    }

    /// The record of one session as this process knows it, present or gone.
    ///
    /// For hosts with rules of their own about where and when a session was placed, and whether it
    /// left.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::SessionKey;
    /// let key = SessionKey { user: "alice".parse()?, id: "tab-1".parse()? };
    /// if let Some(session) = presence.session(&key) {
    ///     println!("in {:?} since {:?}", session.placement.topics, session.placement.placed_at);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn session(&self, key: &SessionKey) -> Option<Session> {
        self.shared.roster.session(key)
    }

    /// Queries of one topic.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let lobby = presence.topic(&"lobby".parse()?);
    /// println!("{} in the lobby", lobby.counts().online);
    /// # Ok(()) }
    /// ```
    pub fn topic(&self, topic: &Topic) -> ScopeView {
        ScopeView::new(Arc::clone(&self.shared), Some(topic))
    }

    /// Queries of all users.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let counts = presence.everyone().counts();
    /// println!("{} online, {} of them idle", counts.online, counts.idle());
    /// # Ok(()) }
    /// ```
    pub fn everyone(&self) -> ScopeView {
        ScopeView::new(Arc::clone(&self.shared), None)
    }

    /// The topics with most users online; those with equally many are sorted by name.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// for (topic, counts) in presence.topics(10) {
    ///     println!("{topic}: {}", counts.online);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn topics(&self, limit: usize) -> Vec<(Topic, Counts)> {
        self.shared.roster.top_topics(limit)
    }

    /// A snapshot of a scope, followed by its diffs; [from](Subscription::from) a version that is
    /// known already, or [with sessions](Subscription::with_sessions).
    ///
    /// The first reader of a scope pays for collecting its members; all readers share snapshots and
    /// diffs.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Scope, Update};
    ///
    /// let mut updates = presence.subscribe(&Scope::Topic("lobby".parse()?));
    /// while let Some(update) = updates.next().await {
    ///     match update {
    ///         Update::Snapshot(snapshot) => println!("{} are here", snapshot.members.len()),
    ///         Update::Diff(diff) => println!("{} came, {} went", diff.joined.len(), diff.left.len()),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn subscribe(&self, scope: &Scope) -> Subscription {
        Subscription::new(&self.shared, scope)
    }

    /// The counts of a scope, whenever they change. A slow reader skips to the newest ones.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Scope;
    ///
    /// let mut counts = presence.watch_counts(&Scope::All);
    /// while let Some(counts) = counts.next().await {
    ///     println!("{} online", counts.online);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_counts(&self, scope: &Scope) -> CountUpdates {
        CountUpdates::new(&self.shared, scope)
    }

    /// Whether the roster's content is fresh or stale, whenever that changes.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut views = presence.watch_view();
    /// while let Some(view) = views.next().await {
    ///     println!("fresh: {}", view.is_fresh());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch_view(&self) -> ViewUpdates {
        ViewUpdates::new(&self.shared)
    }

    /// The state of this process and its store.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::StoreHealth;
    /// let health = presence.health();
    /// if let StoreHealth::Down { since, .. } = health.store {
    ///     println!("down since {since:?}, {} sessions wait for it", health.outbox);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn health(&self) -> Health {
        Health::of(&self.shared)
    }

    /// The facts that explain a user's state.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// for session in presence.explain(&"alice".parse()?).sessions {
    ///     println!("{}: {:?}, since {}", session.id, session.liveness, session.rule);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn explain(&self, user: &UserId) -> Explanation {
        Explanation::of(&self.shared, user)
    }

    /// The id of this process among all that share the store.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// tracing::info!(node = %presence.node(), "started");
    /// # Ok(()) }
    /// ```
    pub fn node(&self) -> &NodeId {
        self.shared.roster.node()
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").field("node", self.shared.roster.node()).finish_non_exhaustive()
    }
}
