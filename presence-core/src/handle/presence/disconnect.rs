//! Methods of [`Presence`] that disconnect, block and erase users.

use super::Presence;
use crate::handle::outbox::WriteKind;
use crate::handle::store_state::Verb;
use crate::handle::{Disconnection, Error};
use crate::liveness::Policy;
use crate::model::{Session, UserId};
use crate::roster::{DisconnectTarget, Ended};
use crate::store::{BATCH_ENTRIES, ForgetIf};
use crate::time::Timestamp;
use std::slice;
use std::time::Duration;

impl Presence {
    /// Disconnects a user or one session on all processes, and blocks them for `for_long`; returns
    /// when the block ends.
    ///
    /// The sessions leave at once. Holds are notified by [`Hold::ended`](crate::Hold::ended),
    /// streams by [`disconnection`](Self::disconnection). Until the block ends (by the store's
    /// proven time), processes refuse the user's or session's heartbeats with [`Error::Blocked`]. A
    /// process that does not know of the block yet may accept a session, and ends it as soon as it
    /// learns of the block. If the store loses the record, processes write it again. With a
    /// duration of zero, the user may return at once. More than 90 days count as 90 days.
    ///
    /// A user has at most one block, which a later one replaces. A block of a single session does
    /// not replace a longer one of the whole user.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::DisconnectTarget;
    /// use std::time::Duration;
    ///
    /// let until = presence.disconnect(&DisconnectTarget::User("mallory".parse()?), Duration::from_hours(1)).await?;
    /// println!("blocked until {until:?}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Degraded`]: in effect here, and written to the store later. [`Error::Rejected`]: in
    /// effect here only. [`Error::Full`] if blocks and erasures take all the room
    /// ([`Builder::remember_bytes`](crate::Builder::remember_bytes)), and [`Error::ShuttingDown`]:
    /// nothing was changed.
    ///
    /// # Cancellation
    /// Dropping the future reverts nothing; the store write then happens in the background.
    pub async fn disconnect(
        &self,
        target: &DisconnectTarget,
        for_long: Duration,
    ) -> Result<Timestamp, Error> {
        let shared = &self.shared;
        if shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        shared.calibrated().await;
        if !shared.roster.has_room_for_mark(target.user()) {
            return Err(Error::Full);
        }
        let for_long = for_long.min(Policy::MAX_REMEMBER);
        let shard = shared.store().shard_of(target.user());
        let (record, rewrites) = shared.roster.block(target, shard, for_long, shared.now());
        // Queued first, so that the record is written even if the call below fails or is cancelled.
        shared.outbox.mark_records([target.user().clone()]);
        shared.outbox.mark(rewrites, WriteKind::Put);
        shared.end_disconnected();
        shared.remember(&record).await?;
        Ok(record.block.map(|block| block.until).unwrap_or_default())
    }

    /// When the block of a user ends, by the store's time; `None` if there is none.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// if presence.blocked(&"mallory".parse()?).is_some() {
    ///     return Err("come back later".into());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn blocked(&self, user: &UserId) -> Option<Timestamp> {
        let shared = &self.shared;
        shared.roster.blocked(user, shared.store().shard_of(user), || shared.now())
    }

    /// A waiter for the moment at which everything that a user has open must end.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut disconnection = presence.disconnection(&"alice".parse()?);
    /// let why = disconnection.ended().await;
    /// println!("close what she has open: {why:?}");
    /// # Ok(()) }
    /// ```
    pub fn disconnection(&self, user: &UserId) -> Disconnection {
        let endings = self.shared.disconnections.of(user);
        let blocked = self.blocked(user).map(|until| Ended::Blocked { until });
        Disconnection::new(endings, blocked)
    }

    /// Removes all data of a user from the store and all processes: sessions, declarations,
    /// last-seen times. The user's connections end as by [`disconnect`](Self::disconnect);
    /// afterwards the user may return as a new one.
    ///
    /// For an hour, a record of the user's *id* and the time of the erasure prevents all processes
    /// from writing older data again; then it is dropped as well. A block stays in effect, so that
    /// a user cannot evade it by being erased. Messages in a broker are not removed: that is up to
    /// the host.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// presence.erase(&"alice".parse()?).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Degraded`]: done here; repeat the call until it succeeds, so that the store's own
    /// data is removed too. [`Error::Rejected`]: the store refuses. [`Error::Full`] (repeat once
    /// blocks have ended) and [`Error::ShuttingDown`]: nothing was changed.
    ///
    /// # Cancellation
    /// Erasing twice is harmless, so repeat a call that was cancelled.
    pub async fn erase(&self, user: &UserId) -> Result<(), Error> {
        let shared = &self.shared;
        if shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        shared.calibrated().await;
        if !shared.roster.has_room_for_mark(user) {
            return Err(Error::Full);
        }
        let record = shared.roster.erase(user, shared.store().shard_of(user), shared.now());
        shared.outbox.mark_records([user.clone()]);
        shared.end_disconnected();
        shared.remember(&record).await?;
        let degraded = |error| shared.defer_record(user, error);
        // Also forgets sessions that the store has and this process does not know.
        let facts =
            shared.call(Verb::Forget, shared.store().load(slice::from_ref(user))).await.map_err(degraded)?;
        let erased_at = record.erased_at.unwrap_or_default();
        let old = facts.sessions.iter().filter(|session| session.placement.placed_at <= erased_at);
        let seen = |session: &Session| ForgetIf::Session {
            key: session.key(),
            seen_at: Timestamp::MAX,
            placed_at: erased_at,
        };
        let seen: Vec<ForgetIf> = old.map(seen).collect();
        for batch in seen.chunks(BATCH_ENTRIES) {
            shared.call(Verb::Forget, shared.store().forget(batch)).await.map_err(degraded)?;
        }
        Ok(())
    }
}
