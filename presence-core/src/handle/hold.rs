//! A session that a connection holds.

use super::Error;
use super::outbox::{Answer, WriteKind};
use super::shared::Shared;
use crate::model::{Activity, Beat, Message, Meta, SessionKey, Status, Topics};
use crate::roster::{BeatSource, Ended, Refused, StoreWrite};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A session bound to a connection of this process: it lives as long as both do, at no cost to the
/// store.
///
/// Dropping it leaves, after the policy's grace, unless the session has been placed elsewhere
/// meanwhile. Nothing here waits for the store; what it cannot take now it is told later.
#[must_use = "dropping a hold leaves"]
pub struct Hold {
    shared: Arc<Shared>,
    key: SessionKey,
    /// Which connection this is: a later one of the same session takes its place.
    connection: u64,
    stored: Mutex<Option<Answer>>,
    grace: Duration,
}

/// The latest connection of a session.
pub(super) struct Connection {
    pub number: u64,
    /// Why it is to end, once it is.
    pub ended: Option<Ended>,
}

impl Hold {
    pub(super) fn new(shared: Arc<Shared>, beat: &Beat) -> Result<Self, Refused> {
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        let connection = shared.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let shard = shared.store().shard_of(&beat.user);
        let told = {
            // Held until the roster knows: the drop of the connection before this one comes wholly
            // before, or finds itself replaced.
            let mut connections = shared.connections.lock();
            let told = shared.roster.beat(beat, BeatSource::Connection, shard, shared.now())?;
            connections.insert(key.clone(), Connection { number: connection, ended: None });
            told
        };
        if let StoreWrite::Put { sessions, .. } = &told {
            // Whoever had to make room is told of with it.
            shared.outbox.mark(sessions.iter().skip(1).map(crate::Session::key), WriteKind::Put);
        }
        let stored = Mutex::new(Some(shared.outbox.mark_and_wait(key.clone())));
        let grace = shared.roster.policy().grace;
        Ok(Self { shared, key, connection, stored, grace })
    }

    /// Which session.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Returns once the store has the session.
    ///
    /// Cancel-safe. Waits as long as the store is down; the session is shown by this process
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the store refuses it; [`Error::ShuttingDown`] if the process ends
    /// before it was told.
    pub async fn stored(&self) -> Result<(), Error> {
        let mut stored = self.stored.lock().await;
        let Some(told) = stored.as_mut() else { return Ok(()) };
        let told = told.await;
        *stored = None;
        match told {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Rejected(error.again())),
            Err(_) => Err(Error::ShuttingDown),
        }
    }

    /// Returns once the session was disconnected or its user erased, on whichever process: the
    /// connection is to be closed.
    ///
    /// The session has left by then, and nothing that is said through this brings it back.
    /// Cancel-safe.
    pub async fn ended(&self) -> Ended {
        let mut endings = self.shared.disconnections.of(&self.key.user);
        loop {
            if let Some(why) = self.has_ended() {
                return why;
            }
            endings.next().await;
        }
    }

    fn has_ended(&self) -> Option<Ended> {
        let connections = self.shared.connections.lock();
        connections.get(&self.key).filter(|latest| latest.number == self.connection)?.ended
    }

    fn beat(&self, change: impl FnOnce(Beat) -> Beat) -> Result<(), Error> {
        if self.has_ended().is_some() {
            return Ok(());
        }
        let beat = change(Beat::renew(self.key.user.clone(), self.key.id.clone()));
        let shard = self.shared.store().shard_of(&beat.user);
        // The session is known, so that it needs no room; were it forgotten here, it would be
        // entered again.
        match self.shared.roster.beat(&beat, BeatSource::Connection, shard, self.shared.now()) {
            Ok(StoreWrite::Put { sessions, .. }) => {
                self.shared.outbox.mark(sessions.iter().map(crate::Session::key), WriteKind::Put);
            }
            Ok(StoreWrite::Touch { .. }) => self.shared.outbox.mark([self.key.clone()], WriteKind::Touch),
            // Whoever waits for `ended` knows of a block.
            Ok(StoreWrite::Postponed { .. } | StoreWrite::Nothing) | Err(Refused::Blocked { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
        Ok(())
    }

    /// Tells of activity.
    pub fn active(&self, activity: Activity) {
        if let Err(error) = self.beat(|beat| beat.activity(activity)) {
            // It was forgotten here although it is held, and there was no room for it again.
            tracing::warn!(%error, "a held session was refused");
        }
    }

    /// Moves to these topics, and out of all others at once.
    ///
    /// # Errors
    /// [`Error::TooManyTopics`] and [`Error::Full`] when there is no room for more: the session
    /// stays where it is.
    pub fn place(&self, topics: Topics) -> Result<(), Error> {
        self.beat(|beat| beat.topics(topics))
    }

    /// Declares a status, for as long as the session lives or until `until`.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room for more: what was declared before stays.
    pub fn declare(
        &self,
        status: Status,
        message: Option<Message>,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.beat(|beat| Beat { declares: Some((status, message, until)), ..beat })
    }

    /// Says something of the session.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room for more: what was said before stays.
    pub fn meta(&self, meta: Meta) -> Result<(), Error> {
        self.beat(|beat| beat.meta(meta))
    }

    /// Leaves now, without the grace.
    pub fn leave_now(mut self) {
        self.grace = Duration::ZERO;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut connections = self.shared.connections.lock();
        if connections.get(&self.key).map(|latest| latest.number) != Some(self.connection) {
            // A later connection of the same session has taken over.
            return;
        }
        connections.remove(&self.key);
        if let StoreWrite::Put { .. } = self.shared.roster.drop_held(&self.key, self.grace, self.shared.now())
        {
            self.shared.outbox.mark([self.key.clone()], WriteKind::Put);
        }
    }
}
