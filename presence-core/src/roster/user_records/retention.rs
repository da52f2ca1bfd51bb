//! Retention of user records: how long and how many are kept, and which must be written to the
//! store again.

use crate::model::{UserId, UserRecord};
use crate::roster::Roster;
use crate::roster::sessions::shard::Shard;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::time::Duration;

/// How long a block or erasure is kept after its end. A process that was cut off from the store for
/// less than this still learns of it, and does not write the ended sessions again.
const MARKED_FOR: Duration = Duration::from_hours(1);
/// Bytes of a last-seen record without those of a long id. Assumes that the map has just grown.
const SEEN_BYTES: usize = 76;
/// Blocks and erasures may take this many bytes even if fewer are configured.
const MARKS_AT_LEAST: usize = 1024 * 1024;
/// Ids up to this length take no extra bytes.
const INLINE_ID: usize = 24;

impl Roster {
    /// Users whose blocks or erasures the current watch has not delivered. Once the shard is
    /// synced, this means that the store lacks them or has older ones.
    pub fn undelivered_marks(&self, shard: u16, shard_of: impl Fn(&UserId) -> u16) -> Vec<UserId> {
        let delivered = self.watch.current();
        let mut users = Vec::new();
        for lock in &self.shards {
            let locked = lock.lock();
            let undelivered = locked.records.marks.iter().filter(|(_, mark)| mark.stored != delivered);
            users.extend(undelivered.map(|(user, _)| user).filter(|user| shard_of(user) == shard).cloned());
        }
        users
    }

    /// Users whose last-seen times this process must write to a store that has lost them.
    pub fn seen_times_to_rewrite(
        &self,
        shard: u16,
        shard_of: impl Fn(&UserId) -> u16,
        now: Timestamp,
    ) -> Vec<UserId> {
        let responsibility = self.responsibility(now);
        let mut users = Vec::new();
        for lock in &self.shards {
            let locked = lock.lock();
            let here = locked.records.seen.keys().filter(|user| shard_of(user) == shard);
            users.extend(here.filter(|user| responsibility.rank(user.as_str()) == Some(0)).cloned());
        }
        users
    }

    /// Whether there is room for a block or erasure of this user. They take precedence over
    /// last-seen records, and replacing one needs no room.
    pub fn has_room_for_mark(&self, user: &UserId) -> bool {
        let is_marked = self.shard_of(user).0.lock().records.marks.contains_key(user);
        is_marked || self.marked() < self.settings.remember_bytes.max(MARKS_AT_LEAST)
    }

    /// Estimated bytes of blocks and erasures.
    fn marked(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().records.marked()).sum()
    }

    /// Drops expired records, and the oldest ones beyond the budget; returns those that this
    /// process must make the store forget.
    pub fn tidy_records(&self, shard_of: impl Fn(&UserId) -> u16, now: Timestamp) -> Vec<ForgetIf> {
        let remember_for = self.settings.policy.remember_for.unwrap_or_default();
        let (responsibility, clocks) = (self.responsibility(now), self.clocks());
        let times = clocks.at(now);
        let (mut forget, mut bytes, mut kept) = (Vec::new(), 0, Vec::new());
        for lock in &self.shards {
            let mut locked = lock.lock();
            let Shard { records, .. } = &mut *locked;
            let mut expired = Vec::new();
            // Last-seen times up to this have expired. The store is to forget any time up to it,
            // since it may have a later one than this process.
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
            // The store drops a record only as a whole, so a mark is kept as long as the last-seen
            // time of its user.
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

    /// Drops the records of users seen longest ago: those for which there is no room, and a
    /// sixteenth more, so that this is seldom necessary.
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
