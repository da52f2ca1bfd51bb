//! A session that a connection holds.

use super::Error;
use super::inner::Inner;
use super::outbox::{Answer, Owes};
use crate::model::{Activity, Beat, Message, Meta, SessionKey, Status, Topics};
use crate::roster::{By, Full, Told};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A session bound to a connection of this process: it lives as long as both do, at no cost to the store.
///
/// Dropping it leaves, after the policy's grace, unless the session has been placed elsewhere meanwhile. Nothing here
/// waits for the store; what it cannot take now it is told later.
#[must_use = "dropping a hold leaves"]
pub struct Hold {
    inner: Arc<Inner>,
    key: SessionKey,
    /// Which connection this is: a later one of the same session takes its place.
    connection: u64,
    stored: Mutex<Option<Answer>>,
    grace: Duration,
}

impl Hold {
    pub(super) fn new(inner: Arc<Inner>, beat: &Beat) -> Result<Self, Full> {
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        let connection = inner.drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let shard = inner.store().shard_of(&beat.user);
        let told = {
            // Held until the roster knows: the drop of the connection before this one comes wholly before, or finds
            // itself replaced.
            let mut connections = inner.connections.lock();
            let told = inner.roster.beat(beat, By::Connection, shard, inner.now())?;
            connections.insert(key.clone(), connection);
            told
        };
        if let Told::Put { sessions, .. } = &told {
            // Whoever had to make room is told of with it.
            inner.outbox.mark(sessions.iter().skip(1).map(crate::Session::key), Owes::Put);
        }
        let stored = Mutex::new(Some(inner.outbox.mark_and_wait(key.clone())));
        let grace = inner.roster.policy().grace;
        Ok(Self { inner, key, connection, stored, grace })
    }

    /// Which session.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Returns once the store has the session.
    ///
    /// Cancel-safe. Waits as long as the store is down; the session is shown by this process meanwhile.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the store refuses it; [`Error::ShuttingDown`] if the process ends before it was told.
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

    fn beat(&self, change: impl FnOnce(Beat) -> Beat) {
        let beat = change(Beat::renew(self.key.user.clone(), self.key.id.clone()));
        let shard = self.inner.store().shard_of(&beat.user);
        // The session is known, so that it needs no room; were it forgotten here, it would be entered again.
        match self.inner.roster.beat(&beat, By::Connection, shard, self.inner.now()) {
            Ok(Told::Put { sessions, .. }) => {
                self.inner.outbox.mark(sessions.iter().map(crate::Session::key), Owes::Put);
            }
            Ok(Told::Touch { .. }) => self.inner.outbox.mark([self.key.clone()], Owes::Touch),
            Ok(Told::Postponed { .. } | Told::Nothing) => {}
            Err(Full) => tracing::warn!("no room for a session that is held"),
        }
    }

    /// Tells of activity.
    pub fn active(&self, activity: Activity) {
        self.beat(|beat| beat.activity(activity));
    }

    /// Moves to these topics, and out of all others at once.
    pub fn place(&self, topics: Topics) {
        self.beat(|beat| beat.topics(topics));
    }

    /// Declares a status, for as long as the session lives or until `until`.
    pub fn declare(&self, status: Status, message: Option<Message>, until: Option<Timestamp>) {
        self.beat(|beat| Beat { declares: Some((status, message, until)), ..beat });
    }

    /// Says something of the session.
    pub fn meta(&self, meta: Meta) {
        self.beat(|beat| beat.meta(meta));
    }

    /// Leaves now, without the grace.
    pub fn leave_now(mut self) {
        self.grace = Duration::ZERO;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut connections = self.inner.connections.lock();
        if connections.get(&self.key) != Some(&self.connection) {
            // A later connection of the same session has taken over.
            return;
        }
        connections.remove(&self.key);
        if let Told::Put { .. } = self.inner.roster.drop_held(&self.key, self.grace, self.inner.now()) {
            self.inner.outbox.mark([self.key.clone()], Owes::Put);
        }
    }
}
