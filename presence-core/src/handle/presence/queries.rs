//! Methods of [`Presence`] that query: users, sessions, topics, and reports for operators.

use super::Presence;
use crate::handle::{Explanation, Health, ScopeView};
use crate::model::{Session, SessionKey, Topic, UserId};
use crate::roster::{Counts, Person, Viewer};
use crate::time::Timestamp;
use std::sync::Arc;

impl Presence {
    /// A user with all sessions, present or gone; `None` if the user is unknown.
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

    /// A user as `viewer` may see them. To other users, a user who declared to be offline looks
    /// like one who left at that moment.
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

    /// The kept last-seen time of a user whose sessions are forgotten, if the policy keeps it.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let last_seen = presence.last_seen(&"alice".parse()?);
    /// # let _ = last_seen;
    /// # Ok(()) }
    /// ```
    pub fn last_seen(&self, user: &UserId) -> Option<Timestamp> {
        self.shared.roster.record(user).map(|record| record.seen_at).filter(|at| *at != Timestamp::ZERO)
    }

    /// When a user was last seen, as far as `viewer` may know. The same as in
    /// [`user_as`](Self::user_as), but without copying sessions and topics.
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

    /// The record of one session as this process knows it, present or gone.
    ///
    /// For hosts with their own rules about where and when a session was placed, and
    /// whether it left.
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
}
