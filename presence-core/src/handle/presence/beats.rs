//! Methods of [`Presence`] that report: heartbeats, leaves, declarations, and sessions
//! held by connections.

use super::Presence;
use crate::handle::{Error, Hold};
use crate::model::{Beat, BeatKind, Declaration, Leave, SessionKey};
use crate::roster::BeatSource;
use crate::time::Timestamp;
use std::sync::Arc;

/// The outcome of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeatOutcome {
    /// The store has accepted the heartbeat.
    Stored {
        /// When the session's present placement was made; a later [`Leave`] may name it.
        placed_at: Timestamp,
    },
    /// The heartbeat only repeats a recent one. It counts in this process at once. The store gets
    /// one renewal for all such heartbeats within a quarter of the lease.
    Postponed {
        /// When the session's present placement was made.
        placed_at: Timestamp,
    },
    /// The heartbeat arrived within the grace of the session's leave, and was ignored.
    Late,
}

impl Presence {
    /// Records a heartbeat: it takes effect in this process at once, and is written to the store.
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
        shared.write(SessionKey { user: beat.user, id: beat.session }, write).await
    }

    /// Ends a session, or some of its memberships. Other users see that after the policy's grace,
    /// unless the leave is immediate. Leaving twice, or leaving an unknown session, is
    /// not an error.
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
        self.shared.write(leave.key, write).await.map(drop)
    }

    /// Declares a status for a session, until the session ends or the declaration expires.
    ///
    /// This enters an unknown session, but does not count as a heartbeat: the policy's
    /// `declared_only` decides whether the session then counts as alive.
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
        self.shared.write(key, write).await.map(drop)
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
}
