//! Disconnecting and erasing users, and who is to know of it.

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

/// Who waits to be told that a user was disconnected: one entry for each such user, as long as
/// somebody waits.
#[derive(Default)]
pub(super) struct Disconnections(Mutex<HashMap<UserId, watch::Sender<News>, foldhash::fast::RandomState>>);

/// How often a user's connections were ended, and why all of them were last.
type News = (u64, Option<Ended>);

impl Disconnections {
    pub fn of(self: &Arc<Self>, user: &UserId) -> Endings {
        let mut all = self.0.lock();
        let news = all.entry(user.clone()).or_insert_with(|| watch::Sender::new((0, None))).subscribe();
        Endings { all: Arc::clone(self), user: user.clone(), news: Some(news) }
    }

    fn tell(&self, user: &UserId, whole: Option<Ended>) {
        if let Some(news) = self.0.lock().get(user) {
            news.send_modify(|(times, why)| {
                *times += 1;
                *why = whole.or(*why);
            });
        }
    }
}

/// Somebody who waits.
pub(super) struct Endings {
    all: Arc<Disconnections>,
    user: UserId,
    /// Taken when it is dropped.
    news: Option<watch::Receiver<News>>,
}

impl Endings {
    /// Returns when any connection of the user was ended since the last call.
    pub async fn next(&mut self) {
        match &mut self.news {
            // The sender stays as long as somebody waits.
            Some(news) => drop(news.changed().await),
            None => std::future::pending().await,
        }
    }

    /// Why all that the user has was ended since this was made.
    fn whole(&self) -> Option<Ended> {
        self.news.as_ref().and_then(|news| news.borrow().1)
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        self.news = None;
        if let Entry::Occupied(entry) = all.entry(self.user.clone())
            && entry.get().receiver_count() == 0
        {
            entry.remove();
        }
    }
}

/// Waits for the end of all that a user has open: for streams and sockets that are no
/// [`Hold`](super::Hold).
pub struct Disconnection {
    endings: Endings,
    /// The user was blocked before this was made.
    blocked: Option<Ended>,
}

impl Disconnection {
    /// Returns once the user was disconnected as a whole, or erased; at once if they are kept away
    /// already. Cancel-safe.
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
    /// Ends what the roster has learnt to be over: connections of this process, and whoever waits
    /// for that.
    pub fn end_disconnected(&self) {
        for Ending { user, connections, is_whole, why } in self.roster.take_endings() {
            for id in connections {
                let key = SessionKey { user: user.clone(), id };
                if let Some(connection) = self.connections.lock().get_mut(&key) {
                    connection.ended = Some(why);
                }
            }
            self.disconnections.tell(&user, is_whole.then_some(why));
        }
    }

    /// Tells the store of a record; what fails is told later.
    async fn remember(&self, record: &UserRecord) -> Result<(), Error> {
        let told = self.call(Verb::Remember, self.store().remember(slice::from_ref(record))).await;
        if told.is_ok() {
            self.outbox.unmark_record(&record.user);
        }
        told.map_err(|error| self.owe_record(&record.user, error))
    }

    fn owe_record(&self, user: &UserId, error: store::Error) -> Error {
        if error.kind() == Kind::Rejected {
            return Error::Rejected(error);
        }
        self.outbox.mark_records([user.clone()]);
        Error::Degraded(error)
    }
}

impl Presence {
    /// Disconnects a user or one session on all processes, and keeps them away for so long; answers
    /// until when.
    ///
    /// Their sessions leave at once. Holds learn of it by [`Hold::ended`](super::Hold::ended),
    /// streams by [`disconnection`](Self::disconnection). Until the time is over, by the store's
    /// proven time, what would bring them back is refused with [`Error::Blocked`] on every process
    /// that has heard of it; what one that has not heard of it takes is ended as soon as it has.
    /// Processes tell a store that has lost this again. With a duration of zero they may come back
    /// at once. More than 90 days count as 90 days.
    ///
    /// A user has one block, and a later one replaces it; but one of a session does not shorten one
    /// of the whole user.
    ///
    /// # Errors
    /// [`Error::Degraded`]: it counts here, and the others are told later. [`Error::Rejected`]: it counts here only.
    /// [`Error::Full`] where blocks and erasures take all the room that there is
    /// ([`Builder::remember_bytes`](super::Builder::remember_bytes)), and [`Error::ShuttingDown`]: nothing was touched.
    ///
    /// # Cancellation
    /// Dropping the future undoes nothing; the store is then told in the background.
    pub async fn disconnect(&self, whom: &DisconnectTarget, for_long: Duration) -> Result<Timestamp, Error> {
        let shared = &self.shared;
        if shared.is_closed() {
            return Err(Error::ShuttingDown);
        }
        shared.calibrated().await;
        if !shared.roster.has_room_for_mark(whom.user()) {
            return Err(Error::Full);
        }
        let for_long = for_long.min(crate::Policy::MAX_REMEMBER);
        let shard = shared.store().shard_of(whom.user());
        let (record, owed) = shared.roster.block(whom, shard, for_long, shared.now());
        // Marked first: whatever becomes of the call below, it will be told.
        shared.outbox.mark_records([whom.user().clone()]);
        shared.outbox.mark(owed, super::outbox::WriteKind::Put);
        shared.end_disconnected();
        shared.remember(&record).await?;
        Ok(record.block.map(|block| block.until).unwrap_or_default())
    }

    /// Until when a user is kept away, by the store's time; `None` if they may come.
    pub fn blocked(&self, user: &UserId) -> Option<Timestamp> {
        let shared = &self.shared;
        shared.roster.blocked(user, shared.store().shard_of(user), shared.now())
    }

    /// Learns when all that a user has open is to end.
    pub fn disconnection(&self, user: &UserId) -> Disconnection {
        let endings = self.shared.disconnections.of(user);
        let blocked = self.blocked(user).map(|until| Ended::Blocked { until });
        Disconnection { endings, blocked }
    }

    /// When a user was last seen who has no session any more, if the policy says that it is
    /// remembered.
    pub fn last_seen(&self, user: &UserId) -> Option<Timestamp> {
        self.shared.roster.record(user).map(|record| record.seen_at).filter(|at| *at != Timestamp::ZERO)
    }

    /// Removes every trace of a user from the store and from all processes: sessions, what they
    /// declared, when they were last seen. Their connections end as by
    /// [`disconnect`](Self::disconnect); whoever comes again after it is new.
    ///
    /// For an hour, a record of the user's *id* and of when this was says on all processes that
    /// nothing older is to be told again; then that goes as well. A block outlives this: an erasure
    /// is no way back in. Messages in a broker are the host's: have its channels of that user
    /// dropped by the same request.
    ///
    /// # Errors
    /// [`Error::Degraded`]: it is done here; ask again until it succeeds, so that the store's own data goes as well.
    /// [`Error::Rejected`]: the store refuses. [`Error::Full`] and [`Error::ShuttingDown`]: nothing was touched; ask again, of the first when blocks
    /// have ended.
    ///
    /// # Cancellation
    /// Erasing twice is harmless: repeat what was given up.
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
        let degraded = |error| shared.owe_record(user, error);
        // Also what this process has not heard of.
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
