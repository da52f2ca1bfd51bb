//! The outbox: keys of this process's sessions whose present state must still be written
//! to the store.
//!
//! A failed or timed-out call, a miss, a dropped hold, or a feed that delivers an older state only
//! adds the session's key. One task empties the set, and writes each session in its state *at that
//! time*. The size of the set is limited by the number of the process's own sessions.

use crate::model::{SessionKey, UserId};
use crate::store;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// How a session must be written. A put includes a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WriteKind {
    /// A renewal of its times.
    Touch,
    /// The whole session.
    Put,
}

/// Notifies a caller that a session was written or refused.
type Waiter = oneshot::Sender<Result<(), Arc<store::Error>>>;
/// The receiver of that notification.
pub(super) type Answer = oneshot::Receiver<Result<(), Arc<store::Error>>>;

pub(super) struct Pending {
    pub kind: WriteKind,
    pub waiters: Vec<Waiter>,
}

#[derive(Default)]
pub(super) struct Outbox {
    pending: Mutex<HashMap<SessionKey, Pending, foldhash::fast::RandomState>>,
    /// Users whose records must be written.
    records: Mutex<HashSet<UserId, foldhash::fast::RandomState>>,
    /// Wakes the task that empties the outbox, because something was added.
    pub marked: Notify,
}

impl Outbox {
    /// Adds sessions, to be written as soon as possible.
    pub fn mark(&self, keys: impl IntoIterator<Item = SessionKey>, kind: WriteKind) {
        let mut any = false;
        {
            let mut pending = self.pending.lock();
            for key in keys {
                let entry = pending.entry(key).or_insert(Pending { kind, waiters: Vec::new() });
                entry.kind = entry.kind.max(kind);
                any = true;
            }
        }
        if any {
            self.marked.notify_one();
        }
    }

    /// Adds a session to be put; returns a receiver that is notified once that has happened.
    pub fn mark_and_wait(&self, key: SessionKey) -> Answer {
        let (waiter, answer) = oneshot::channel();
        let mut pending = self.pending.lock();
        let entry = pending.entry(key).or_insert(Pending { kind: WriteKind::Put, waiters: Vec::new() });
        entry.kind = WriteKind::Put;
        entry.waiters.push(waiter);
        drop(pending);
        self.marked.notify_one();
        answer
    }

    /// Adds users whose records must be written.
    pub fn mark_records(&self, users: impl IntoIterator<Item = UserId>) {
        let before = self.len();
        self.records.lock().extend(users);
        if self.len() > before {
            self.marked.notify_one();
        }
    }

    /// Removes a user whose record was written.
    pub fn unmark_record(&self, user: &UserId) {
        self.records.lock().remove(user);
    }

    /// Takes out at most `limit` users whose records must be written.
    pub fn take_records(&self, limit: usize) -> Vec<UserId> {
        let mut records = self.records.lock();
        let users: Vec<UserId> = records.iter().take(limit).cloned().collect();
        for user in &users {
            records.remove(user);
        }
        users
    }

    /// Puts back sessions whose write failed.
    pub fn put_back(&self, batch: Vec<(SessionKey, Pending)>) {
        let mut all = self.pending.lock();
        for (key, kept) in batch {
            let entry = all.entry(key).or_insert(Pending { kind: kept.kind, waiters: Vec::new() });
            entry.kind = entry.kind.max(kept.kind);
            entry.waiters.extend(kept.waiters);
        }
    }

    /// Takes out at most `limit` sessions.
    pub fn take(&self, limit: usize) -> Vec<(SessionKey, Pending)> {
        let mut pending = self.pending.lock();
        if pending.len() <= limit {
            return std::mem::take(&mut *pending).into_iter().collect();
        }
        let keys: Vec<SessionKey> = pending.keys().take(limit).cloned().collect();
        keys.into_iter().filter_map(|key| pending.remove_entry(&key)).collect()
    }

    pub fn len(&self) -> usize {
        self.pending.lock().len() + self.records.lock().len()
    }
}
