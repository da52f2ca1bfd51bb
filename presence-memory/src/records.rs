//! Records of users, which are kept after their sessions are forgotten.

use foldhash::fast::RandomState;
use presence_core::store::{Block, UserRecord};
use presence_core::{Timestamp, UserId};
use std::collections::HashMap;

/// Records of users. Most have only a last-seen time: they take a name and two words.
#[derive(Debug, Default)]
pub(crate) struct Records(HashMap<UserId, Kept, RandomState>);

#[derive(Debug)]
struct Kept {
    seen_at: Timestamp,
    /// The block or erasure of the user.
    mark: Option<Box<Mark>>,
}

#[derive(Debug)]
struct Mark {
    erased_at: Option<Timestamp>,
    block: Option<Block>,
}

impl Kept {
    fn record(&self, user: &UserId) -> UserRecord {
        let mut record = UserRecord { seen_at: self.seen_at, ..UserRecord::new(user.clone()) };
        if let Some(mark) = self.mark.as_deref() {
            record.erased_at = mark.erased_at;
            record.block.clone_from(&mark.block);
        }
        record
    }
}

impl Records {
    pub(crate) fn get(&self, user: &UserId) -> Option<UserRecord> {
        self.0.get(user).map(|kept| kept.record(user))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = UserRecord> {
        self.0.iter().map(|(user, kept)| kept.record(user))
    }

    pub(crate) fn merge(&mut self, record: &UserRecord) {
        let mut merged = self.get(&record.user).unwrap_or_else(|| UserRecord::new(record.user.clone()));
        merged.merge(record);
        let UserRecord { user, seen_at, erased_at, block } = merged;
        let is_marked = erased_at.is_some() || block.is_some();
        let mark = is_marked.then(|| Box::new(Mark { erased_at, block }));
        self.0.insert(user, Kept { seen_at, mark });
    }

    /// Drops a record, and shrinks the map if it is almost empty.
    pub(crate) fn remove(&mut self, user: &UserId) {
        self.0.remove(user);
        if self.0.capacity() > 4 * self.0.len() + 64 {
            self.0.shrink_to(2 * self.0.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
