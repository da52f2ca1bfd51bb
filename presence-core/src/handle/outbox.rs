//! Own sessions whose truth the store must still be told.
//!
//! Whatever goes wrong only marks a session's key: a failed or timed-out call, a miss, a dropped
//! hold, a feed that shows less. One writer drains the set and tells the truth as it is *then*. The
//! set is bounded by the process's own sessions.

use crate::model::{SessionKey, UserId};
use crate::store;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// How much of a session the store must be told. The greater includes the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WriteKind {
    /// Its times.
    Touch,
    /// All of it.
    Put,
}

/// Who wants to know when it has been told.
type Waiter = oneshot::Sender<Result<(), Arc<store::Error>>>;
/// What they get.
pub(super) type Answer = oneshot::Receiver<Result<(), Arc<store::Error>>>;

pub(super) struct Owed {
    pub owes: WriteKind,
    pub waiters: Vec<Waiter>,
}

#[derive(Default)]
pub(super) struct Outbox {
    owed: Mutex<HashMap<SessionKey, Owed, foldhash::fast::RandomState>>,
    /// Users of whose records the store must still be told.
    records: Mutex<HashSet<UserId, foldhash::fast::RandomState>>,
    /// Wakes the writer.
    pub marked: Notify,
}

impl Outbox {
    /// Marks sessions, to be told as soon as possible.
    pub fn mark(&self, keys: impl IntoIterator<Item = SessionKey>, owes: WriteKind) {
        let mut any = false;
        {
            let mut owed = self.owed.lock();
            for key in keys {
                let entry = owed.entry(key).or_insert(Owed { owes, waiters: Vec::new() });
                entry.owes = entry.owes.max(owes);
                any = true;
            }
        }
        if any {
            self.marked.notify_one();
        }
    }

    /// Marks a session to be put, and answers when that has happened.
    pub fn mark_and_wait(&self, key: SessionKey) -> Answer {
        let (waiter, told) = oneshot::channel();
        let mut owed = self.owed.lock();
        let entry = owed.entry(key).or_insert(Owed { owes: WriteKind::Put, waiters: Vec::new() });
        entry.owes = WriteKind::Put;
        entry.waiters.push(waiter);
        drop(owed);
        self.marked.notify_one();
        told
    }

    /// Marks users whose records are to be told.
    pub fn mark_records(&self, users: impl IntoIterator<Item = UserId>) {
        let before = self.len();
        self.records.lock().extend(users);
        if self.len() > before {
            self.marked.notify_one();
        }
    }

    /// The record of a user has been told.
    pub fn unmark_record(&self, user: &UserId) {
        self.records.lock().remove(user);
    }

    /// Takes out at most `limit` users whose records are to be told.
    pub fn take_records(&self, limit: usize) -> Vec<UserId> {
        let mut records = self.records.lock();
        let users: Vec<UserId> = records.iter().take(limit).cloned().collect();
        for user in &users {
            records.remove(user);
        }
        users
    }

    /// Puts back what could not be told.
    pub fn put_back(&self, batch: Vec<(SessionKey, Owed)>) {
        let mut all = self.owed.lock();
        for (key, owed) in batch {
            let entry = all.entry(key).or_insert(Owed { owes: owed.owes, waiters: Vec::new() });
            entry.owes = entry.owes.max(owed.owes);
            entry.waiters.extend(owed.waiters);
        }
    }

    /// Takes out at most `limit`.
    pub fn take(&self, limit: usize) -> Vec<(SessionKey, Owed)> {
        let mut owed = self.owed.lock();
        if owed.len() <= limit {
            return std::mem::take(&mut *owed).into_iter().collect();
        }
        let keys: Vec<SessionKey> = owed.keys().take(limit).cloned().collect();
        keys.into_iter().filter_map(|key| owed.remove_entry(&key)).collect()
    }

    pub fn len(&self) -> usize {
        self.owed.lock().len() + self.records.lock().len()
    }
}
