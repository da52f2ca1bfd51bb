//! Notifies the connections of users who were disconnected or erased.

use super::Error;
use super::shared::Shared;
use super::store_state::Verb;
use crate::model::{SessionKey, UserId, UserRecord};
use crate::roster::{Ended, Ending};
use crate::store::{self, Kind};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::slice;
use std::sync::Arc;
use tokio::sync::watch;

/// Channels that notify streams and holds of a user's disconnection. There is one for each user for
/// whom something waits.
#[derive(Default)]
pub(super) struct Disconnections(Mutex<HashMap<UserId, watch::Sender<Changes>, foldhash::fast::RandomState>>);

/// How often connections of a user were ended, and the reason when all of them were ended last.
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
    /// Returns once a connection of the user was ended since the last call.
    pub async fn next(&mut self) {
        match &mut self.changes {
            // The sender is kept as long as this receiver exists.
            Some(changes) => drop(changes.changed().await),
            None => std::future::pending().await,
        }
    }

    /// The reason if everything that the user has open was ended since this receiver was created.
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
    /// The block of the user when this was created, if there was one.
    blocked: Option<Ended>,
}

impl Disconnection {
    /// `blocked` is the reason if everything must end at once.
    pub(super) fn new(endings: Endings, blocked: Option<Ended>) -> Self {
        Self { endings, blocked }
    }

    /// Returns once all sessions of the user were disconnected, or the user was erased; at once if
    /// the user is already blocked. Cancel-safe.
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
    /// Ends the connections that the roster lists as disconnected, and notifies their
    /// holds and streams.
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

    /// Writes a user record to the store; if that fails, the outbox writes it later.
    pub async fn remember(&self, record: &UserRecord) -> Result<(), Error> {
        let result = self.call(Verb::Remember, self.store().remember(slice::from_ref(record))).await;
        if result.is_ok() {
            self.outbox.unmark_record(&record.user);
        }
        result.map_err(|error| self.defer_record(&record.user, error))
    }

    pub fn defer_record(&self, user: &UserId, error: store::Error) -> Error {
        if error.kind() == Kind::Rejected {
            return Error::Rejected(error);
        }
        self.outbox.mark_records([user.clone()]);
        Error::Degraded(error)
    }
}
