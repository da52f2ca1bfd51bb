//! One session as the roster holds it: everything in one place, what a beat needs first.

use crate::liveness::{Liveness, Vitals};
use crate::model::{Placement, Session, SessionId, SessionKey, UserId};
use crate::roster::clock::nodes::NodeState;
use crate::roster::clock::wheel::{self, Tick};
use crate::roster::sessions::cold::Cold;
use crate::roster::sessions::cost;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::placed::Placed;
use crate::roster::sessions::slab;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Things that are true or not of a session, one bit each.
pub(crate) mod flag {
    /// The store has it, or had it.
    pub const CONFIRMED: u16 = 1;
    /// This process beat or held it, and tells the store again when the store knows less.
    pub const TRACKED: u16 = 1 << 1;
    /// A connection holds it; it lives with its node.
    pub const HELD: u16 = 1 << 2;
    /// A connection of this very process holds it.
    pub const HELD_HERE: u16 = 1 << 3;
    /// A beat was counted that the store has not been told of.
    pub const TOUCH_DUE: u16 = 1 << 4;
    /// A newer snapshot of the store lacked it, and nobody has confirmed it since.
    pub const UNCONFIRMED: u16 = 1 << 5;
    /// Its times are by this process's own clock: nothing had been heard of the store when they
    /// were stamped.
    pub const OWN_TIME: u16 = 1 << 6;
    /// Its user has declared to be offline: whatever it is, it is not shown. The same for all
    /// sessions of a user.
    pub const HIDDEN: u16 = 1 << 7;
    /// It has left, now or when its grace is over: says without a look at `cold` that it has not.
    pub const LEFT: u16 = 1 << 8;
    /// It is the first session of its user: the one that the index names.
    pub const FIRST: u16 = 1 << 9;
    /// It is the first session of a user who has so many that there are indexes of them.
    pub const CROWD: u16 = 1 << 10;
}

/// Two cache lines, a pair that the processor fetches together: in the first who it is, in the
/// second what a look at it needs to know.
#[repr(C)]
pub(crate) struct Slot {
    pub user: UserId,
    pub id: SessionId,
    pub node: Arc<NodeState>,
    /// What the index has of its user.
    pub hash: u32,
    /// The next session of the same user, or `slab::NONE`.
    pub next: u32,

    pub seen_at: Timestamp,
    pub active_at: Timestamp,
    pub placed_at: Timestamp,
    pub memberships: Memberships,
    /// What most sessions do not have.
    pub cold: Option<Box<Cold>>,
    pub lease_millis: u32,
    pub queued: Tick,
    pub flags: u16,
    /// What it was when it was last settled: what counts, lists and events are made of.
    pub state: Liveness,
    /// The watch in which it was last told; compared with the roster's at `Synced`.
    pub generation: u8,
    /// Which shard of the store holds the user.
    pub shard: u16,
    /// About how much memory it took when it was last settled, in units of [`cost::UNIT`] bytes.
    pub weight: u16,
}

impl Slot {
    /// A session that has just come to be known, not yet settled.
    pub fn new(key: SessionKey, shard: u16, placed: Placed) -> Self {
        let mut slot = Self {
            user: key.user,
            id: key.id,
            seen_at: Timestamp::ZERO,
            active_at: Timestamp::ZERO,
            placed_at: Timestamp::ZERO,
            lease_millis: 0,
            next: slab::NONE,
            queued: wheel::NOT_QUEUED,
            hash: 0,
            shard,
            weight: 0,
            state: Liveness::Gone,
            flags: 0,
            generation: 0,
            memberships: Memberships::Nowhere,
            node: Arc::clone(&placed.node),
            cold: None,
        };
        slot.place(placed);
        slot
    }

    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub fn set(&mut self, flag: u16, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    /// What it lets its user show.
    pub fn shown(&self) -> Liveness {
        if self.has(flag::HIDDEN) { Liveness::Gone } else { self.state }
    }

    /// How many bytes it took when it was last settled.
    pub fn counted_bytes(&self) -> usize {
        usize::from(self.weight) * cost::UNIT
    }

    /// Whether it is the only session of its user.
    pub fn is_only(&self) -> bool {
        self.has(flag::FIRST) && self.next == slab::NONE
    }

    pub fn lease(&self) -> Duration {
        Duration::from_millis(u64::from(self.lease_millis))
    }

    /// Replaces the placement.
    pub fn place(&mut self, placed: Placed) {
        self.placed_at = placed.placed_at;
        self.node = placed.node;
        self.set(flag::HELD, placed.held);
        self.lease_millis = u32::try_from(placed.lease.as_millis()).unwrap_or(u32::MAX);
        self.memberships = placed.memberships;
        self.end(placed.left);
        self.describe(placed.meta);
    }

    pub fn placement(&self) -> Placement {
        Placement {
            placed_at: self.placed_at,
            left: self.left(),
            node: self.node.id.clone(),
            held: self.has(flag::HELD),
            lease: self.lease(),
            topics: self.topic_list(),
            meta: self.meta().cloned(),
        }
    }

    pub fn key(&self) -> SessionKey {
        SessionKey { user: self.user.clone(), id: self.id.clone() }
    }

    pub fn session(&self) -> Session {
        Session {
            user: self.user.clone(),
            id: self.id.clone(),
            placement: self.placement(),
            declared: self.declared().cloned(),
            seen_at: self.seen_at,
            active_at: self.active_at,
        }
    }

    /// Notes, of a session that is gone, whether the next beat of its node brings it back.
    pub fn miss_node(&self, now: Timestamp) {
        let left = self.left().is_some_and(|left| left.in_effect(now));
        if self.has(flag::HELD) && !self.has(flag::UNCONFIRMED) && !left {
            self.node.miss();
        }
    }

    /// Settles what of its parts counts at `now`.
    pub fn reconcile_at(&mut self, now: Timestamp) {
        if let Some(cold) = &mut self.cold {
            cold.reconcile_at(now);
        }
        if let Memberships::Many(memberships) = &mut self.memberships {
            for membership in memberships.iter_mut() {
                membership.in_effect = membership.until.is_none_or(|until| now < until);
            }
        }
    }

    /// Whether settling its parts would change nothing.
    pub fn is_reconciled_at(&self, now: Timestamp) -> bool {
        let memberships = match &self.memberships {
            Memberships::Many(memberships) => memberships.as_slice(),
            _ => &[],
        };
        memberships
            .iter()
            .all(|membership| membership.in_effect == membership.until.is_none_or(|until| now < until))
            && self.cold.as_ref().is_none_or(|cold| cold.is_reconciled_at(now))
    }

    /// Moves what was stamped by this process to another clock, which is ahead by this many
    /// milliseconds, wrapping. Times that a host named stay.
    pub fn shift(&mut self, ahead: u64) {
        let shift = |at: &mut Timestamp| {
            if *at != Timestamp::ZERO {
                *at = Timestamp::from_millis(at.as_millis().wrapping_add(ahead));
            }
        };
        shift(&mut self.seen_at);
        shift(&mut self.active_at);
        shift(&mut self.placed_at);
        if let Some(cold) = &mut self.cold {
            cold.shift(shift);
        }
        if let Memberships::Many(memberships) = &mut self.memberships {
            memberships.iter_mut().filter_map(|membership| membership.until.as_mut()).for_each(shift);
        }
    }

    /// Whether `other` is the placement that stays when it meets this one.
    pub fn yields_to(&self, other: &Placement) -> bool {
        // The first two decide nearly always, and cost no copy.
        match (other.placed_at, other.left).cmp(&(self.placed_at, self.left())) {
            std::cmp::Ordering::Equal => other.supersedes(&self.placement()),
            order => order.is_gt(),
        }
    }

    pub fn vitals(&self, unconfirmed_since: Option<Timestamp>) -> Vitals {
        Vitals {
            seen_at: self.seen_at,
            active_at: self.active_at,
            lease: self.lease(),
            node: if self.has(flag::HELD) { self.node.vitals() } else { None },
            left: self.left(),
            declared: self.declared().map(|declared| (declared.at, declared.until)),
            unconfirmed_since,
        }
    }

    /// Its last beat; for a held session, the later of its own and its node's.
    pub fn last_seen(&self) -> Timestamp {
        if self.has(flag::HELD) { self.seen_at.max(self.node.seen_at()) } else { self.seen_at }
    }

    /// The same, and not later than when it left: its node lives on. Leaving is a sign of life.
    pub fn seen_or_left(&self) -> Timestamp {
        self.left().map_or_else(|| self.last_seen(), |left| left.at)
    }

    /// Whether more of its beats are known here than a store may lack that has lost nothing: a
    /// quarter of the lease is postponed.
    ///
    /// Most lost beats need no telling, since the next one comes in time; not so after two
    /// failovers within one lease. A held session lives by its node, which beats soon.
    pub fn was_seen_long_after(&self, stored: &Session) -> bool {
        !self.has(flag::HELD) && self.seen_at.since(stored.seen_at) > self.lease() / 4
    }

    /// What this process knows of it, for a store that is to forget it.
    pub fn seen(&self) -> ForgetIf {
        ForgetIf::Session { key: self.key(), seen_at: self.last_seen(), placed_at: self.placed_at }
    }
}
