//! The handle.
use super::{Builder, CountsWatch, Error, Explanation, Health, Hold, Place, Subscription};
use crate::model::{Beat, Leave, Message, Node, SessionKey, Status, Topic, UserId};
use crate::roster::{Counts, Person, Scope, Version};
use crate::store::PresenceStore;
use crate::time::{Clock, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Who is here, active, idle or gone, and where. Cheap to clone; the last clone's drop ends its tasks.
#[derive(Clone)]
pub struct Presence {
    pub(super) _inner: Arc<()>,
}

/// What became of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beaten {
    /// The store has it. `placed_at` names the session's placement, for a later leave.
    Stored {
        /// The placement that the session has now.
        placed_at: Timestamp,
    },
    /// It renews what was renewed a moment ago: this process counts it, the store is told within a quarter of the window.
    Postponed {
        /// The placement that the session has now.
        placed_at: Timestamp,
    },
    /// It came within the grace of the session's leave and was dropped.
    Late,
}

impl Presence {
    /// Settings of a new one, on this store.
    pub fn builder(store: impl PresenceStore) -> Builder {
        Builder { store: Arc::new(store) }
    }
    /// Returns once the roster holds what the store holds.
    pub async fn ready(&self) {
        todo!()
    }
    /// The time that new stamps are made with: the store's, as far as it is known.
    pub fn now(&self) -> Timestamp {
        todo!()
    }
    /// The process's clock, for whatever must go with presence in tests.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        todo!()
    }
    /// Takes a beat.
    /// # Errors
    /// [`Error`].
    pub async fn beat(&self, beat: Beat) -> Result<Beaten, Error> {
        let _ = beat;
        todo!()
    }
    /// Takes a leave.
    /// # Errors
    /// [`Error`].
    pub async fn leave(&self, leave: Leave) -> Result<(), Error> {
        let _ = leave;
        todo!()
    }
    /// Declares a status.
    /// # Errors
    /// [`Error`].
    pub async fn declare(
        &self,
        key: SessionKey,
        status: Status,
        message: Option<Message>,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let _ = (key, status, message, until);
        todo!()
    }
    /// Binds a session to a connection.
    /// # Errors
    /// [`Error::Full`], [`Error::ShuttingDown`].
    pub fn hold(&self, beat: Beat) -> Result<Hold, Error> {
        let _ = beat;
        todo!()
    }
    /// One user, with sessions; `None` if nothing at all is known of them.
    pub fn user(&self, user: &UserId) -> Option<Person> {
        let _ = user;
        todo!()
    }
    /// Several users, in this order.
    pub fn users(&self, users: &[UserId]) -> Vec<Option<Person>> {
        users.iter().map(|u| self.user(u)).collect()
    }
    /// One topic.
    pub fn topic(&self, topic: &Topic) -> Place {
        let _ = topic;
        todo!()
    }
    /// Everybody.
    pub fn everyone(&self) -> Place {
        todo!()
    }
    /// The topics with most users, by their number and then by name.
    pub fn topics(&self, limit: usize) -> Vec<(Topic, Counts)> {
        let _ = limit;
        todo!()
    }
    /// A snapshot, then diffs.
    pub fn subscribe(&self, scope: Scope) -> Subscription {
        let _ = scope;
        todo!()
    }
    /// The same, starting with the diff since `version` where it is still known.
    pub fn subscribe_from(&self, scope: Scope, version: Version) -> Subscription {
        let _ = (scope, version);
        todo!()
    }
    /// The same with sessions in members and diffs.
    pub fn subscribe_sessions(&self, scope: Scope) -> Subscription {
        let _ = scope;
        todo!()
    }
    /// Counts whenever they change, the newest only.
    pub fn watch_counts(&self, scope: Scope) -> CountsWatch {
        let _ = scope;
        todo!()
    }
    /// How this process stands with its store.
    pub fn health(&self) -> Health {
        todo!()
    }
    /// Why a user is what they are.
    pub fn explain(&self, user: &UserId) -> Explanation {
        let _ = user;
        todo!()
    }
    /// This process as a node.
    pub fn node(&self) -> Node {
        todo!()
    }
    /// Takes no new sessions; the held ones live this long for their clients to reconnect elsewhere.
    pub async fn drain(&self, reconnect_in: Duration) {
        let _ = reconnect_in;
        todo!()
    }
    /// Ends: tells the store what it does not have yet, then stops all tasks.
    pub async fn shutdown(&self) {
        todo!()
    }
}
