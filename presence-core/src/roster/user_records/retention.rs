//! How long records of users are kept, how many, and which of them a store must be told again.

use crate::model::{UserId, UserRecord};
use crate::roster::Roster;
use crate::roster::sessions::shard::Shard;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long what was remembered of a block or an erasure is kept beyond its end: whoever was cut
/// off for no longer than that learns of it, and does not tell again what it ended.
const MARKED_FOR: Duration = Duration::from_hours(1);
/// What a user of whom only the last sight is remembered takes beside the id's own bytes, when the
/// table has just grown.
const SEEN_BYTES: usize = 76;
/// Blocks and erasures find room for so many bytes, however little is to be remembered.
const MARKS_AT_LEAST: usize = 1024 * 1024;
/// Of ids up to here, the bytes are within that.
const INLINE_ID: usize = 24;

impl Roster {
    /// The users whose marks the present watch has not told: once a shard is synced, the store
    /// lacks them or less is known there.
    pub fn untold_marks(&self, shard: u16, shard_of: impl Fn(&UserId) -> u16) -> Vec<UserId> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut users = Vec::new();
        for lock in &self.shards {
            let locked = lock.lock();
            let untold = locked.records.marks.iter().filter(|(_, mark)| mark.generation != generation);
            users.extend(untold.map(|(user, _)| user).filter(|user| shard_of(user) == shard).cloned());
        }
        users
    }

    /// The users whose last sight it is this process's duty to tell a store that has lost it.
    pub fn seen_on_duty(&self, shard: u16, shard_of: impl Fn(&UserId) -> u16, now: Timestamp) -> Vec<UserId> {
        let responsibility = self.responsibility(now);
        let mut users = Vec::new();
        for lock in &self.shards {
            let locked = lock.lock();
            let here = locked.records.seen.keys().filter(|user| shard_of(user) == shard);
            users.extend(here.filter(|user| responsibility.rank(user.as_str()) == Some(0)).cloned());
        }
        users
    }

    /// Whether there is room for a block or an erasure of this user: they take the room of what is
    /// remembered of others, and one that is renewed takes none.
    pub fn has_room_for_mark(&self, user: &UserId) -> bool {
        let is_marked = self.shard_of(user).0.lock().records.marks.contains_key(user);
        is_marked || self.marked() < self.settings.remember_bytes.max(MARKS_AT_LEAST)
    }

    /// About how many bytes blocks and erasures take.
    fn marked(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().records.marked()).sum()
    }

    /// Drops records that have no use any more, and the oldest of them beyond the budget; answers
    /// which of them it is this process's duty to have forgotten.
    pub fn tidy_records(&self, shard_of: impl Fn(&UserId) -> u16, now: Timestamp) -> Vec<ForgetIf> {
        let remember_for = self.settings.policy.remember_for.unwrap_or_default();
        let (responsibility, clocks) = (self.responsibility(now), self.clocks());
        let times = clocks.at(now);
        let (mut forget, mut bytes, mut kept) = (Vec::new(), 0, Vec::new());
        for lock in &self.shards {
            let mut locked = lock.lock();
            let Shard { records, .. } = &mut *locked;
            let mut expired = Vec::new();
            // Whatever was seen before this is not remembered any more, also if only the store has
            // it.
            let limit = |user: &UserId| times.proven_at(shard_of(user)) - remember_for;
            records.seen.retain(|user, at| {
                let keeps = *at > limit(user);
                if keeps {
                    bytes += SEEN_BYTES + user.as_str().len().saturating_sub(INLINE_ID);
                    kept.push(*at);
                } else if !records.marks.contains_key(user) {
                    expired.push(UserRecord { seen_at: limit(user), ..UserRecord::new(user.clone()) });
                }
                keeps
            });
            // The store drops a record as a whole.
            let seen = std::mem::take(&mut records.seen);
            let dropped = records.retain_marks(|user, mark| {
                let ends =
                    mark.block.as_ref().map(|block| block.until).max(mark.erased_at).unwrap_or_default();
                times.proven_at(shard_of(user)) < ends + MARKED_FOR || seen.contains_key(user)
            });
            records.seen = seen;
            expired.extend(dropped.into_iter().map(|(user, mark)| UserRecord {
                seen_at: limit(&user),
                erased_at: mark.erased_at,
                block: mark.block,
                user,
            }));
            forget.extend(expired);
        }
        let room = self.settings.remember_bytes.saturating_sub(self.marked());
        if bytes > room && !kept.is_empty() {
            forget.extend(self.drop_oldest_seen(bytes, room, kept));
        }
        let mine =
            |record: &UserRecord| responsibility.rank(record.user.as_str()).is_some_and(|rank| rank <= 1);
        forget.into_iter().filter(mine).map(ForgetIf::User).collect()
    }

    /// Drops those seen longest ago: what exceeds the room, and a sixteenth more, so that it is
    /// seldom done.
    fn drop_oldest_seen(&self, bytes: usize, room: usize, mut kept: Vec<Timestamp>) -> Vec<UserRecord> {
        let each = (bytes / kept.len()).max(1);
        let fits = room / each;
        let goes = (kept.len() - fits.min(kept.len()) + fits / 16).clamp(1, kept.len());
        let (_, last, _) = kept.select_nth_unstable(goes - 1);
        let (last, mut dropped) = (*last, Vec::new());
        for lock in &self.shards {
            let records = &mut lock.lock().records;
            let marks = &records.marks;
            records.seen.retain(|user, at| {
                let goes = *at <= last;
                if goes && !marks.contains_key(user) {
                    dropped.push(UserRecord { seen_at: *at, ..UserRecord::new(user.clone()) });
                }
                !goes
            });
        }
        dropped
    }
}
