//! Records of the users of one shard: last-seen times, blocks and erasures.

use crate::footprint;
use crate::model::{Block, SessionId, UserId, UserRecord};
use crate::roster::sessions::stored::StoredState;
use crate::time::Timestamp;
use std::collections::HashMap;

type Map<V> = HashMap<UserId, V, foldhash::fast::RandomState>;

/// Records of users. There may be many last-seen times, so each takes only a name and a time. The
/// few blocks and erasures ("marks") have a map of their own.
#[derive(Default)]
pub(crate) struct Records {
    pub seen: Map<Timestamp>,
    pub marks: Map<Mark>,
    /// Estimated bytes of the marks.
    marked: usize,
}

/// A block or erasure of a user.
#[derive(Clone, Default)]
pub(crate) struct Mark {
    pub erased_at: Option<Timestamp>,
    pub block: Option<Block>,
    /// Whether the store has it.
    pub stored: StoredState,
}

/// Which parts of a merged record are new and must be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changes {
    pub blocks: bool,
    pub erases: bool,
}

impl Mark {
    /// Estimated bytes including the user's name. Assumes that the map has just grown.
    fn bytes(&self, user: &UserId) -> usize {
        const MARK: usize = 2 * (size_of::<UserId>() + size_of::<Mark>() + 1);
        let session = self.block.as_ref().and_then(|block| block.session.as_ref());
        let session = session.map_or(0, |session| footprint::name(session.as_str().len()));
        MARK + footprint::name(user.as_str().len()) + session
    }

    /// When the block of a session ends, if there is one at `now`.
    pub fn keeps_away(&self, session: &SessionId, now: Timestamp) -> Option<Timestamp> {
        self.block.as_ref().filter(|block| block.keeps_away(session, now)).map(|block| block.until)
    }

    /// When the block of all sessions ends, if there is one at `now`.
    pub fn keeps_all_away(&self, now: Timestamp) -> Option<Timestamp> {
        let block = self.block.as_ref().filter(|block| block.session.is_none() && now < block.until);
        block.map(|block| block.until)
    }
}

impl Records {
    /// The record of a user, if there is one.
    pub fn of(&self, user: &UserId) -> Option<UserRecord> {
        let (seen, mark) = (self.seen.get(user), self.marks.get(user));
        if seen.is_none() && mark.is_none() {
            return None;
        }
        let (erased_at, block) = mark.map(|mark| (mark.erased_at, mark.block.clone())).unwrap_or_default();
        Some(UserRecord { user: user.clone(), seen_at: seen.copied().unwrap_or_default(), erased_at, block })
    }

    /// Merges a record by the rule of [`UserRecord::merge`], except for its last-seen time.
    pub fn mark(&mut self, record: &UserRecord, known_now: StoredState) -> Changes {
        if record.erased_at.is_none() && record.block.is_none() {
            return Changes { blocks: false, erases: false };
        }
        let known = self.marks.get(&record.user).map_or(0, |mark| mark.bytes(&record.user));
        let mark = self.marks.entry(record.user.clone()).or_default();
        let changes =
            Changes { blocks: record.block > mark.block, erases: record.erased_at > mark.erased_at };
        if changes.blocks {
            mark.block.clone_from(&record.block);
        }
        mark.erased_at = mark.erased_at.max(record.erased_at);
        // The record counts as stored only if it contains everything that is known here.
        if record.block == mark.block && record.erased_at == mark.erased_at {
            mark.stored = known_now;
        }
        self.marked = self.marked - known + mark.bytes(&record.user);
        if changes.erases && self.seen.get(&record.user).is_some_and(|at| Some(*at) <= record.erased_at) {
            self.seen.remove(&record.user);
        }
        changes
    }

    /// Records when a user was last seen, unless the user was erased since.
    pub fn note_seen(&mut self, user: &UserId, at: Timestamp) {
        let erased_at = self.marks.get(user).and_then(|mark| mark.erased_at);
        if at == Timestamp::ZERO || erased_at.is_some_and(|erased_at| at <= erased_at) {
            return;
        }
        match self.seen.get_mut(user) {
            Some(known) => *known = at.max(*known),
            None => drop(self.seen.insert(user.clone(), at)),
        }
    }

    /// Drops the record of a user that the store has dropped, unless a newer one is known here.
    pub fn forget(&mut self, record: &UserRecord) {
        if self.of(&record.user).is_some_and(|known| record.covers(&known)) {
            self.seen.remove(&record.user);
            if let Some(mark) = self.marks.remove(&record.user) {
                self.marked -= mark.bytes(&record.user);
            }
        }
    }

    /// Estimated bytes of the marks.
    pub fn marked(&self) -> usize {
        self.marked
    }

    /// Drops the marks for which `keeps` returns false, and returns them.
    pub fn retain_marks(&mut self, keeps: impl Fn(&UserId, &Mark) -> bool) -> Vec<(UserId, Mark)> {
        let marked = &mut self.marked;
        let dropped = self.marks.extract_if(|user, mark| !keeps(user, mark));
        dropped.inspect(|(user, mark)| *marked -= mark.bytes(user)).collect()
    }
}
