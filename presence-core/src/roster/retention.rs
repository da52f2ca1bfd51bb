//! How long records of users are kept, how many, and which of them a store must be told again.

use super::Roster;
use super::records::Mark;
use super::shard::Shard;
use crate::model::{UserId, UserRecord};
use crate::store::Seen;
use crate::time::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long what was remembered of a block or an erasure is kept beyond its end: whoever was cut
/// off for no longer than that learns of it, and does not tell again what it ended.
const MARKED_FOR: Duration = Duration::from_hours(1);
/// What a user of whom only the last sight is remembered takes beside the id's own bytes, when the
/// table has just grown.
const SEEN_BYTES: usize = 76;
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
        let duty = self.duty(now);
        let mut users = Vec::new();
        for lock in &self.shards {
            let locked = lock.lock();
            let here = locked.records.seen.keys().filter(|user| shard_of(user) == shard);
            users.extend(here.filter(|user| duty.rank(user.as_str()) == Some(0)).cloned());
        }
        users
    }

    /// Drops records that have no use any more, and the oldest of them beyond the budget; answers
    /// which of them it is this process's duty to have forgotten.
    pub fn tidy_records(&self, shard_of: impl Fn(&UserId) -> u16, now: Timestamp) -> Vec<Seen> {
        let remember_for = self.settings.policy.remember_for.unwrap_or_default();
        let (duty, clocks) = (self.duty(now), self.clocks());
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
            records.marks.retain(|user, mark| {
                let ends =
                    mark.block.as_ref().map(|block| block.until).max(mark.erased_at).unwrap_or_default();
                let now = times.proven_at(shard_of(user));
                // The store drops a record as a whole.
                let keeps = now < ends + MARKED_FOR || records.seen.contains_key(user);
                if !keeps {
                    let Mark { erased_at, block, .. } = std::mem::take(mark);
                    expired.push(UserRecord { user: user.clone(), seen_at: limit(user), erased_at, block });
                }
                keeps
            });
            forget.extend(expired);
        }
        if bytes > self.settings.remember_bytes && !kept.is_empty() {
            forget.extend(self.drop_oldest_seen(bytes, kept));
        }
        let mine = |record: &UserRecord| duty.rank(record.user.as_str()).is_some_and(|rank| rank <= 1);
        forget.into_iter().filter(mine).map(Seen::User).collect()
    }

    /// Drops those seen longest ago: what exceeds the budget, and a sixteenth more, so that it is
    /// seldom done.
    fn drop_oldest_seen(&self, bytes: usize, mut kept: Vec<Timestamp>) -> Vec<UserRecord> {
        let each = (bytes / kept.len()).max(1);
        let fits = self.settings.remember_bytes / each;
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
