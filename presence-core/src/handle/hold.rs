//! `Hold`: a session that stays alive as long as a connection of this process.

use super::Error;
use super::outbox::{Answer, WriteKind};
use super::shared::Shared;
use crate::model::{Activity, Beat, Declaration, Meta, Session, SessionKey, Topics};
use crate::roster::{BeatSource, Ended, Refused, StoreWrite};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A session bound to a connection of this process. It stays alive as long as the hold and the
/// process do, without heartbeats of its own to the store.
///
/// Dropping the hold ends the session after the policy's grace, unless another connection has taken
/// the session over. Only [`stored`](Self::stored) waits for the store; all other methods return at
/// once, and changes are written in the background.
#[must_use = "dropping a hold leaves"]
pub struct Hold {
    shared: Arc<Shared>,
    key: SessionKey,
    /// Number of the connection. A later connection of the same session replaces this one.
    connection: u64,
    stored: Mutex<Option<Answer>>,
    grace: Duration,
}

/// The latest connection of a session.
pub(super) struct Connection {
    pub number: u64,
    /// Why the connection must end, if it must.
    pub ended: Option<Ended>,
}

impl Hold {
    pub(super) fn new(shared: Arc<Shared>, beat: &Beat) -> Result<Self, Refused> {
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        let connection = shared.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let shard = shared.store().shard_of(&beat.user);
        let write = {
            // Locked until the roster knows the session. So the drop of a previous hold is either
            // complete before this, or finds that this connection has replaced its own.
            let mut connections = shared.connections.lock();
            let write = shared.roster.beat(beat, BeatSource::Connection, shard, shared.now())?;
            connections.insert(key.clone(), Connection { number: connection, ended: None });
            write
        };
        if let StoreWrite::Put { sessions, .. } = &write {
            // The other sessions of the put were evicted to make room.
            shared.outbox.mark(sessions.iter().skip(1).map(Session::key), WriteKind::Put);
        }
        let stored = Mutex::new(Some(shared.outbox.mark_and_wait(key.clone())));
        let grace = shared.roster.policy().grace;
        Ok(Self { shared, key, connection, stored, grace })
    }

    /// The session that is held.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// println!("{} holds {}", hold.key().user, hold.key().id);
    /// # Ok(()) }
    /// ```
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Returns once the store has the session.
    ///
    /// Cancel-safe. Waits as long as the store is unreachable. This process shows
    /// the session meanwhile.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// hold.stored().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Rejected`] if the store refuses the session; [`Error::ShuttingDown`] if the process
    /// ends before the store had it.
    pub async fn stored(&self) -> Result<(), Error> {
        let mut stored = self.stored.lock().await;
        let Some(answer) = stored.as_mut() else { return Ok(()) };
        let result = answer.await;
        *stored = None;
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Rejected(error.again())),
            Err(_) => Err(Error::ShuttingDown),
        }
    }

    /// Returns once any process disconnected the session or erased its user: the connection should
    /// then be closed.
    ///
    /// The session has left by then, and this hold cannot enter it again. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn serve_connection() {}
    /// tokio::select! {
    ///     why = hold.ended() => println!("close the connection: {why:?}"),
    ///     () = serve_connection() => {}
    /// }
    /// # Ok(()) }
    /// ```
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
        // The session is usually known and needs no room. If it was forgotten here, it is entered
        // again.
        match self.shared.roster.beat(&beat, BeatSource::Connection, shard, self.shared.now()) {
            Ok(StoreWrite::Put { sessions, .. }) => {
                self.shared.outbox.mark(sessions.iter().map(Session::key), WriteKind::Put);
            }
            Ok(StoreWrite::Touch { .. }) => self.shared.outbox.mark([self.key.clone()], WriteKind::Touch),
            // A blocked session ends its hold through `ended`.
            Ok(StoreWrite::Postponed { .. } | StoreWrite::Nothing) | Err(Refused::Blocked { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
        Ok(())
    }

    /// Reports activity of the user.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Activity;
    /// hold.active(Activity::Now);
    /// # Ok(()) }
    /// ```
    pub fn active(&self, activity: Activity) {
        if let Err(error) = self.beat(|beat| beat.activity(activity)) {
            // The held session was forgotten here, and there is no room to enter it again.
            tracing::warn!(%error, "a held session was refused");
        }
    }

    /// Moves the session to these topics, and out of all others, at once.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Topics;
    /// hold.place(Topics::new(["lobby".parse()?, "chat".parse()?])?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::TooManyTopics`] and [`Error::Full`] if there is no room for more: the topics stay
    /// as they were.
    pub fn place(&self, topics: Topics) -> Result<(), Error> {
        self.beat(|beat| beat.topics(topics))
    }

    /// Declares a status, until the session ends or the declaration expires.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Status;
    /// hold.declare(Status::Busy)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`] if there is no room for more: the previous declaration stays in effect.
    pub fn declare(&self, declaration: impl Into<Declaration>) -> Result<(), Error> {
        self.beat(|beat| beat.declares(declaration))
    }

    /// Replaces the host's metadata of the session.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Meta;
    /// hold.meta(Meta::new(serde_json::json!({ "avatar": "/a.png" }))?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Full`] if there is no room for more: the previous metadata is kept.
    pub fn meta(&self, meta: Meta) -> Result<(), Error> {
        self.beat(|beat| beat.meta(meta))
    }

    /// Ends the session now, without the grace.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence, hold: presence_core::Hold) -> Result<(), Box<dyn std::error::Error>> {
    /// hold.leave_now();
    /// # Ok(()) }
    /// ```
    pub fn leave_now(mut self) {
        self.grace = Duration::ZERO;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut connections = self.shared.connections.lock();
        if connections.get(&self.key).map(|latest| latest.number) != Some(self.connection) {
            // A later connection of the same session replaced this one.
            return;
        }
        connections.remove(&self.key);
        if let StoreWrite::Put { .. } = self.shared.roster.drop_held(&self.key, self.grace, self.shared.now())
        {
            self.shared.outbox.mark([self.key.clone()], WriteKind::Put);
        }
    }
}
