//! Blocks and erasures of users: ends the sessions that they concern, and refuses new ones
//! during a block.

use crate::model::{Block, Departure, SessionId, SessionKey, UserId, UserRecord};
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::sessions::stored::StoredState;
use crate::roster::store::feed::Rewrites;
use crate::roster::user_records::records::Mark;
use crate::roster::{Refused, Roster};
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::time::Duration;

/// What a disconnection concerns: a user, or one session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectTarget {
    /// All sessions of a user, present and future.
    User(UserId),
    /// One session.
    Session(SessionKey),
}

impl DisconnectTarget {
    /// The user concerned.
    pub fn user(&self) -> &UserId {
        match self {
            Self::User(user) => user,
            Self::Session(key) => &key.user,
        }
    }
}

/// Why a connection, or everything that a user has open, has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The user or the session was disconnected and blocked.
    Blocked {
        /// When the block ends, by the store's time.
        until: Timestamp,
    },
    /// The user was erased.
    Erased,
}

/// Connections that must end in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The user whose connections end.
    pub user: UserId,
    /// The sessions whose connections to this process end.
    pub connections: Vec<SessionId>,
    /// Whether everything else that the user has open ends as well.
    pub is_whole: bool,
    /// Why they end.
    pub why: Ended,
}

impl Roster {
    /// Blocks a user or a session for `for_long`, starting now; returns the record to write to the
    /// store, and the sessions to write again.
    ///
    /// A user has at most one block, which a later one replaces. A block of a single session does
    /// not replace a longer one of the whole user.
    pub fn block(
        &self,
        target: &DisconnectTarget,
        shard: u16,
        for_long: Duration,
        now: Timestamp,
    ) -> (UserRecord, Rewrites) {
        let user = target.user();
        self.under_lock(user, now, |locked, hash, reconciler| {
            let known = locked.records.marks.get(user).and_then(|mark| mark.block.clone());
            let stamp = reconciler.times.stamp;
            let at = known.as_ref().map_or(stamp, |known| stamp.max(known.at + Duration::from_millis(1)));
            let (mut until, mut session) = (at + for_long, None);
            if let DisconnectTarget::Session(key) = target {
                match known {
                    Some(whole) if whole.session.is_none() && whole.until >= until => until = whole.until,
                    _ => session = Some(key.id.clone()),
                }
            }
            let block = Some(Block { at, until, session });
            let record = UserRecord { block, ..UserRecord::new(user.clone()) };
            let rewrites =
                self.learn_one(locked, hash, &record, (shard, StoredState::NEVER), reconciler, Author::Here);
            (record, rewrites)
        })
    }

    /// Drops all data of a user; returns the record that prevents other processes from
    /// writing it again.
    pub fn erase(&self, user: &UserId, shard: u16, now: Timestamp) -> UserRecord {
        self.under_lock(user, now, |locked, hash, reconciler| {
            let mut erased_at = reconciler.times.stamp;
            if let Some(head) = locked.head(hash, user) {
                // Covers all present data, even if a clock that is ahead has stamped it.
                let placed = locked.chain(head).map(|at| locked.slots[at].placed_at).max();
                erased_at = erased_at.max(placed.unwrap_or_default());
            }
            erased_at = erased_at.max(locked.records.seen.get(user).copied().unwrap_or_default());
            let record = UserRecord { erased_at: Some(erased_at), ..UserRecord::new(user.clone()) };
            self.learn_one(locked, hash, &record, (shard, StoredState::NEVER), reconciler, Author::Here);
            record
        })
    }

    /// Merges records that the store delivered; returns the sessions that they end, to
    /// be written again.
    pub fn learn(&self, users: &[UserRecord], shard_of: impl Fn(&UserId) -> u16, now: Timestamp) -> Rewrites {
        let mut rewrites = Rewrites::new();
        for record in users {
            let stored = (shard_of(&record.user), self.watch.delivers());
            rewrites.extend(self.under_lock(&record.user, now, |locked, hash, reconciler| {
                self.learn_one(locked, hash, record, stored, reconciler, Author::Elsewhere)
            }));
        }
        rewrites
    }

    /// Merges one user record. If its block or erasure is new, ends the sessions that it concerns,
    /// and queues the end of their connections. Returns the sessions to write again.
    fn learn_one(
        &self,
        locked: &mut Shard,
        hash: u32,
        record: &UserRecord,
        (shard, known): (u16, StoredState),
        reconciler: &Reconciler<'_>,
        author: Author,
    ) -> Rewrites {
        let changes = locked.records.mark(record, known);
        if let Some(remember_for) = self.settings.policy.remember_for
            && reconciler.times.stamp.since(record.seen_at) < remember_for
        {
            locked.records.note_seen(&record.user, record.seen_at);
        }
        let Some(mark) = locked.records.marks.get(&record.user).filter(|_| changes.blocks || changes.erases)
        else {
            return Rewrites::new();
        };
        let mark = mark.clone();
        let (rewrites, connections) =
            self.carry_out(locked, hash, &record.user, &mark, shard, reconciler, author);
        let (is_whole, why) = match &mark.block {
            Some(block) if changes.blocks => (block.session.is_none(), Ended::Blocked { until: block.until }),
            _ => (true, Ended::Erased),
        };
        let user = record.user.clone();
        self.endings.lock().push(Ending { user, connections, is_whole, why });
        rewrites
    }

    /// Applies the block or erasure of a user again, since the store may have delivered a session
    /// that it concerns.
    pub(crate) fn carry_out_again(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        shard: u16,
        reconciler: &Reconciler<'_>,
    ) -> Rewrites {
        let Some(mark) = locked.records.marks.get(user).cloned() else { return Rewrites::new() };
        let (rewrites, connections) =
            self.carry_out(locked, hash, user, &mark, shard, reconciler, Author::Elsewhere);
        if let (false, Some(block)) = (connections.is_empty(), &mark.block) {
            let why = Ended::Blocked { until: block.until };
            self.endings.lock().push(Ending { user: user.clone(), connections, is_whole: false, why });
        }
        rewrites
    }

    /// Ends the sessions that a block or erasure concerns; returns those to write again, and those
    /// that had a connection here.
    ///
    /// Every process derives the same result, whichever process made the record.
    #[expect(clippy::too_many_arguments, reason = "it runs under a lock that the caller holds")]
    fn carry_out(
        &self,
        locked: &mut Shard,
        hash: u32,
        user: &UserId,
        mark: &Mark,
        shard: u16,
        reconciler: &Reconciler<'_>,
        author: Author,
    ) -> (Rewrites, Vec<SessionId>) {
        let (mut rewrites, mut connections, mut erased) = (Rewrites::new(), Vec::new(), Vec::new());
        let Some(head) = locked.head(hash, user) else { return (rewrites, connections) };
        let now = reconciler.times.proven_at(shard);
        // When the block or erasure ended a session, and whether it was an erasure.
        let end_of = |slot: &Slot| {
            let erases = mark.erased_at.filter(|erased_at| slot.placed_at <= *erased_at);
            let blocks = mark.block.as_ref().filter(|block| block.concerns(&slot.id));
            let blocks = blocks.filter(|block| slot.placed_at <= block.at || now < block.until);
            blocks.map(|block| block.at).max(erases).map(|ended_at| (ended_at, erases.is_some()))
        };
        let concerned = locked.chain(head).filter_map(|at| Some((at, end_of(&locked.slots[at])?)));
        let concerned: Vec<_> = concerned.collect();
        let before = locked.user_state(Some(head), concerned.iter().map(|(at, _)| *at));
        let mut ends = false;
        for (at, (ended_at, erases)) in concerned {
            let slot = &mut locked.slots[at];
            if erases {
                erased.push(at);
            }
            if slot.has(flag::HELD_HERE) {
                connections.push(slot.id.clone());
            }
            if slot.left().is_some_and(|left| left.in_effect(reconciler.times.stamp)) {
                // Erased sessions must be reconciled as gone before they are dropped below.
                ends |= erases;
                continue;
            }
            slot.set_left(Some(slot.departs(ended_at.max(slot.placed_at), Duration::ZERO)));
            slot.set(flag::HELD_HERE, false);
            ends = true;
            if !erases && (author == Author::Here || slot.has(flag::TRACKED)) {
                rewrites.push(slot.key());
            }
        }
        for &at in &erased {
            let slot = &mut locked.slots[at];
            let (key, placed_at) = (slot.key(), slot.placed_at);
            // The store forgets the session even if it received heartbeats since: the condition is
            // its placement.
            locked.surrender(ForgetIf::Session { key, seen_at: Timestamp::MAX, placed_at });
            locked.slots[at].set_left(Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO }));
        }
        if ends {
            locked.reconcile(head, before, reconciler);
        }
        erased.into_iter().for_each(|at| self.drop_session(locked, at));
        (rewrites, connections)
    }

    /// Connections that must end in this process because of records merged since the last call.
    pub fn take_endings(&self) -> Vec<Ending> {
        std::mem::take(&mut *self.endings.lock())
    }

    /// The record of a user, if there is one.
    pub fn record(&self, user: &UserId) -> Option<UserRecord> {
        self.shard_of(user).0.lock().records.of(user)
    }

    /// When the block of all sessions of a user ends, if there is one now.
    ///
    /// `now` is asked only for a user with a record, since most have none.
    pub fn blocked(&self, user: &UserId, shard: u16, now: impl FnOnce() -> Timestamp) -> Option<Timestamp> {
        let locked = self.shard_of(user).0.lock();
        let mark = locked.records.marks.get(user)?;
        mark.keeps_all_away(self.clocks().at(now()).proven_at(shard))
    }

    /// Refuses a session that is blocked.
    pub(crate) fn admit(
        locked: &Shard,
        (user, session): (&UserId, &SessionId),
        shard: u16,
        reconciler: &Reconciler<'_>,
    ) -> Result<(), Refused> {
        let Some(mark) = locked.records.marks.get(user) else { return Ok(()) };
        match mark.keeps_away(session, reconciler.times.proven_at(shard)) {
            Some(until) => Err(Refused::Blocked { until }),
            None => Ok(()),
        }
    }
}

/// Where a record was made. This decides which process writes the ended sessions to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// In this process, which then writes all sessions that the record ends.
    Here,
    /// In another process; each process writes its own sessions.
    Elsewhere,
}
