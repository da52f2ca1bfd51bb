//! Disconnecting and erasing users, and notifying the connections that must end.

use super::shared::Shared;
use super::store_state::Verb;
use super::{Error, Presence};
use crate::model::{Session, SessionKey, UserId, UserRecord};
use crate::roster::{DisconnectTarget, Ended, Ending};
use crate::store::{self, BATCH_ENTRIES, ForgetIf, Kind};
use crate::time::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Channels that notify waiting streams and holds of a user's disconnection: one per user, as long
/// as any of them waits.
#[derive(Default)]
pub(super) struct Disconnections(Mutex<HashMap<UserId, watch::Sender<Changes>, foldhash::fast::RandomState>>);

/// How often connections of a user were ended, and why all of them were last.
type Changes = (u64, Option<Ended>);

impl Disconnections {
    pub fn of(self: &Arc<Self>, user: &UserId) -> Endings {
        let mut all = self.0.lock();
        let changes = all.entry(user.clone()).or_insert_with(|| watch::Sender::new((0, None))).subscribe();
        Endings { all: Arc::clone(self), user: user.clone(), changes: Some(changes) }
    }

    fn notify(&self, user: &UserId, whole: Option<Ended>) {
        if let Some(changes) = self.0.lock().get(user) {
            changes.send_modify(|(times, why)| {
                *times += 1;
                *why = whole.or(*why);
            });
        }
    }
}

/// A receiver of the disconnections of one user.
pub(super) struct Endings {
    all: Arc<Disconnections>,
    user: UserId,
    /// Taken when the receiver is dropped.
    changes: Option<watch::Receiver<Changes>>,
}

impl Endings {
    /// Returns when a connection of the user was ended since the last call.
    pub async fn next(&mut self) {
        match &mut self.changes {
            // The sender lives as long as this receiver.
            Some(changes) => drop(changes.changed().await),
            None => std::future::pending().await,
        }
    }

    /// Why everything the user has open was ended since this receiver was created, if it was.
    fn whole(&self) -> Option<Ended> {
        self.changes.as_ref().and_then(|changes| changes.borrow().1)
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        self.changes = None;
        if let Entry::Occupied(entry) = all.entry(self.user.clone())
            && entry.get().receiver_count() == 0
        {
            entry.remove();
        }
    }
}

/// Waits until everything that a user has open must end: for streams and sockets that are not a
/// [`Hold`](super::Hold).
pub struct Disconnection {
    endings: Endings,
    /// The exclusion of the user at the time of creation, if there was one.
    blocked: Option<Ended>,
}

impl Disconnection {
    /// Returns once the user was disconnected as a whole, or erased; at once if the user is
    /// excluded already. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn serve_stream() {}
    /// let mut disconnection = presence.disconnection(&"alice".parse()?);
    /// tokio::select! {
    ///     why = disconnection.ended() => println!("close the stream: {why:?}"),
    ///     () = serve_stream() => {}
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn ended(&mut self) -> Ended {
        loop {
            if let Some(why) = self.blocked.or_else(|| self.endings.whole()) {
                return why;
            }
            self.endings.next().await;
        }
    }
}

impl Shared {
    /// Ends the connections that the roster found disconnected, and notifies those that wait for
    /// it.
    pub fn end_disconnected(&self) {
        for Ending { user, connections, is_whole, why } in self.roster.take_endings() {
            for id in connections {
                let key = SessionKey { user: user.clone(), id };
                if let Some(connection) = self.connections.lock().get_mut(&key) {
                    connection.ended = Some(why);
                }
            }
            self.disconnections.notify(&user, is_whole.then_some(why));
        }
    }

    /// Writes a user record to the store; if that fails, the outbox does it later.
    async fn remember(&self, record: &UserRecord) -> Result<(), Error> {
        let result = self.call(Verb::Remember, self.store().remember(slice::from_ref(record))).await;
        if result.is_ok() {
            self.outbox.unmark_record(&record.user);
        }
        result.map_err(|error| self.defer_record(&record.user, error))
    }

    fn defer_record(&self, user: &UserId, error: store::Error) -> Error {
        if error.kind() == Kind::Rejected {
            return Error::Rejected(error);
        }
        self.outbox.mark_records([user.clone()]);
        Error::Degraded(error)
    }
}

impl Presence {
    /// Disconnects a user or one session on all processes, and excludes them for `for_long`;
    /// returns when the exclusion ends.
    ///
    /// The sessions leave at once. Holds are notified by [`Hold::ended`](super::Hold::ended),
    /// streams by [`disconnection`](Self::disconnection). Until the exclusion ends (by the store's
    /// proven time), every process that knows of it refuses the user's or session's heartbeats with
    /// [`Error::Blocked`]; sessions accepted by a process that does not know yet are ended as soon
    /// as it does. If the store loses the record, processes write it again. With a duration of
    /// zero, the user may return at once. More than 90 days count as 90 days.
    ///
    /// A user has one exclusion: a later one replaces it, but that of a single session does not
    /// shorten one of the whole user.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::DisconnectTarget;
    /// use std::time::Duration;
    ///
    /// let until = presence.disconnect(&DisconnectTarget::User("mallory".parse()?), Duration::from_hours(1)).await?;
    /// println!("kept away until {until:?}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Degraded`]: in effect here, and written to the store later. [`Error::Rejected`]: in
    /// effect here only. [`Error::Full`] if exclusions and erasures take all the room
    /// ([`Builder::remember_bytes`](super::Builder::remember_bytes)), and [`Error::ShuttingDown`]:
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
        let for_long = for_long.min(crate::Policy::MAX_REMEMBER);
        let shard = shared.store().shard_of(target.user());
        let (record, rewrites) = shared.roster.block(target, shard, for_long, shared.now());
        // Queued first, so that it is written whatever becomes of the call below.
        shared.outbox.mark_records([target.user().clone()]);
        shared.outbox.mark(rewrites, super::outbox::WriteKind::Put);
        shared.end_disconnected();
        shared.remember(&record).await?;
        Ok(record.block.map(|block| block.until).unwrap_or_default())
    }

    /// When the exclusion of a user ends, by the store's time; `None` if there is none.
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
        shared.roster.blocked(user, shared.store().shard_of(user), shared.now())
    }

    /// Waits for the moment at which everything that a user has open must end.
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
        Disconnection { endings, blocked }
    }

    /// When a user without sessions was last seen, if the policy keeps that.
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

    /// Removes all data of a user from the store and all processes: sessions, declarations,
    /// last-seen times. The user's connections end as by [`disconnect`](Self::disconnect);
    /// afterwards the user may return as a new one.
    ///
    /// For an hour, a record of the user's *id* and the time of the erasure prevents all processes
    /// from writing older data again; then it is dropped as well. An exclusion outlives the
    /// erasure, which is therefore no way around it. Messages in a broker are the host's to drop.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// presence.erase(&"alice".parse()?).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Degraded`]: done here; repeat until it succeeds, so that the store's own data is
    /// removed too. [`Error::Rejected`]: the store refuses. [`Error::Full`] (repeat once exclusions
    /// have ended) and [`Error::ShuttingDown`]: nothing was changed.
    ///
    /// # Cancellation
    /// Erasing twice is harmless: repeat a call that was cancelled.
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
        // Sessions that the store has and this process does not know, too.
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
