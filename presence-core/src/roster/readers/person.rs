//! Queries of a single user, as different viewers may see them.

use crate::liveness::{Liveness, Policy};
use crate::model::UserId;
use crate::roster::Roster;
use crate::roster::readers::member::Person;
use crate::roster::readers::query::Viewer;
use crate::roster::sessions::slot::flag;
use crate::time::Timestamp;

/// What a viewer may see of a user.
enum Shows {
    All,
    /// Everything, with the last-seen time rounded by the policy as of this time.
    Live(Timestamp),
    /// Only that the user is gone, and this last-seen time.
    GoneSince(Timestamp),
    Nothing,
}

impl Roster {
    /// Everything known about a user, present or gone.
    ///
    /// A user who has declared to be offline is `Gone` with status `Offline`; their sessions are
    /// included as they are.
    pub fn person(&self, user: &UserId) -> Option<Person> {
        let (shard, hash) = self.shard_of(user);
        let locked = shard.lock();
        let Some(head) = locked.head(hash, user) else {
            return locked.records.seen.get(user).map(|at| Person::gone(user, *at));
        };
        let mut member = locked.member(head, None, true);
        if locked.slots[head].has(flag::HIDDEN) {
            member.liveness = Liveness::Gone;
        }
        let seen = locked.chain(head).map(|at| locked.slots[at].last_seen()).max();
        Some(Person { member, last_seen: seen.filter(|&at| at != Timestamp::ZERO) })
    }

    /// When a user was last seen, present or gone.
    fn last_seen(&self, user: &UserId) -> Option<Timestamp> {
        let (shard, hash) = self.shard_of(user);
        let locked = shard.lock();
        let Some(head) = locked.head(hash, user) else { return locked.records.seen.get(user).copied() };
        let seen = locked.chain(head).map(|at| locked.slots[at].last_seen()).max();
        seen.filter(|&at| at != Timestamp::ZERO)
    }

    /// What `viewer` may see of a user.
    ///
    /// To other users, a user who declares to be offline looks like one who left at that moment.
    /// They see only that time, for [`Policy::remember_for`] or else [`Policy::MIN_MEMORY`], and
    /// nothing after that. The time is rounded as [`Policy::last_seen`] says, and so is the moment
    /// after which nothing is shown. The user and operators see everything.
    pub fn person_as(&self, viewer: &Viewer, user: &UserId, shard: u16, now: Timestamp) -> Option<Person> {
        match self.shows(viewer, user, shard, now) {
            Shows::All => self.person(user),
            Shows::Live(now) => {
                let mut person = self.person(user)?;
                let steps = self.settings.policy.last_seen;
                person.last_seen = person.last_seen.and_then(|seen_at| steps.shown(seen_at, now));
                Some(person)
            }
            Shows::GoneSince(seen_at) => Some(Person::gone(user, seen_at)),
            Shows::Nothing => None,
        }
    }

    /// When a user was last seen, as far as `viewer` may know. The same as `last_seen` of
    /// [`person_as`](Self::person_as), but faster.
    pub fn last_seen_as(
        &self,
        viewer: &Viewer,
        user: &UserId,
        shard: u16,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self.shows(viewer, user, shard, now) {
            Shows::All => self.last_seen(user),
            Shows::Live(now) => self.settings.policy.last_seen.shown(self.last_seen(user)?, now),
            Shows::GoneSince(seen_at) => Some(seen_at),
            Shows::Nothing => None,
        }
    }

    fn shows(&self, viewer: &Viewer, user: &UserId, shard: u16, now: Timestamp) -> Shows {
        if viewer.sees_all_of(user) {
            return Shows::All;
        }
        let (lock, hash) = self.shard_of(user);
        let locked = lock.lock();
        let clocks = self.clocks();
        let now = clocks.at(now).proven_at(shard);
        let Policy { remember_for, last_seen, .. } = self.settings.policy;
        let head = locked.head(hash, user);
        if let Some(head) = head
            && locked.chain(head).any(|at| locked.slots[at].shown().is_live())
        {
            return Shows::Live(now);
        }
        let seen_at = match head {
            Some(head) => Some(locked.shown_seen(head)),
            None => locked.records.seen.get(user).copied(),
        };
        let Some(seen_at) = seen_at.and_then(|seen_at| last_seen.shown(seen_at, now)) else {
            return Shows::Nothing;
        };
        // Must not depend on how long the roster keeps the session, since that would reveal
        // activity of a hidden user.
        let shows = match (remember_for, head) {
            (Some(remember_for), _) => now.since(seen_at) < remember_for,
            (None, Some(head)) => {
                locked.has_lapsed_in_the_open(head) || now.since(seen_at) < Policy::MIN_MEMORY
            }
            (None, None) => false,
        };
        if shows { Shows::GoneSince(seen_at) } else { Shows::Nothing }
    }
}
