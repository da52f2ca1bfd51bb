//! `Slot`: one session as the roster stores it, in 128 bytes.

use crate::liveness::{Liveness, Vitals};
use crate::model::{Placement, Session, SessionId, SessionKey, UserId};
use crate::roster::clock::nodes::NodeState;
use crate::roster::clock::wheel::{self, Tick};
use crate::roster::sessions::cold::Cold;
use crate::roster::sessions::cost;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::placed::Placed;
use crate::roster::sessions::stored::StoredState;
use crate::slab;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Boolean properties of a session, one bit each.
pub(crate) mod flag {
    /// This process has received heartbeats of the session or has held it. If the store turns out
    /// to have an older state, this process writes the session again.
    pub const TRACKED: u16 = 1;
    /// A connection holds the session: it stays alive as long as its node sends heartbeats.
    pub const HELD: u16 = 1 << 1;
    /// A connection of this process holds the session.
    pub const HELD_HERE: u16 = 1 << 2;
    /// A renewal is postponed: a sweep returns it when it must be written.
    pub const TOUCH_DUE: u16 = 1 << 3;
    /// The session's times are by this process's own clock, because the store's time was
    /// not known yet.
    pub const OWN_TIME: u16 = 1 << 4;
    /// The user has declared to be offline: the session is not shown, whatever its state. All
    /// sessions of a user have the same value.
    pub const HIDDEN: u16 = 1 << 5;
    /// The session has a departure, in effect or within its grace. If the flag is not set, `cold`
    /// need not be read.
    pub const LEFT: u16 = 1 << 6;
    /// First session of its user: the one that the shard's index refers to.
    pub const FIRST: u16 = 1 << 7;
    /// First session of a user who has
    /// [`UserIndexes`](crate::roster::sessions::user_indexes::UserIndexes).
    pub const INDEXED: u16 = 1 << 8;
}

/// One session, in two cache lines. The first identifies the session. The second contains what is
/// needed to derive its state: a sweep that finds a session alive and unchanged reads
/// only the second.
///
/// Aligned to the pair, the unit that the processor fetches.
#[repr(C, align(128))]
pub(crate) struct Slot {
    pub user: UserId,
    pub id: SessionId,
    pub node: Arc<NodeState>,
    pub placed_at: Timestamp,

    pub seen_at: Timestamp,
    pub active_at: Timestamp,
    pub memberships: Memberships,
    /// Fields that most sessions do not have.
    pub cold: Option<Box<Cold>>,
    /// The part of the user's hash that the shard's index stores.
    pub hash: u32,
    /// Number of the next session of the same user, or `slab::NONE`.
    pub next: u32,
    pub lease_millis: u32,
    pub queued: Tick,
    pub flags: u16,
    /// State at the last reconciliation. Counts, lists and events are derived from it.
    pub state: Liveness,
    /// Whether the store has the session.
    pub stored: StoredState,
    /// The store's shard that holds the user.
    pub shard: u16,
    /// Estimated memory at the last reconciliation, in units of [`cost::UNIT`] bytes.
    pub weight: u16,
}

impl Slot {
    /// Creates a slot for a newly known session, not reconciled yet.
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
            stored: StoredState::NEVER,
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

    /// The state of the session as shown to readers: gone if the user is hidden.
    pub fn shown(&self) -> Liveness {
        if self.has(flag::HIDDEN) { Liveness::Gone } else { self.state }
    }

    /// Estimated bytes at the last reconciliation.
    pub fn counted_bytes(&self) -> usize {
        usize::from(self.weight) * cost::UNIT
    }

    /// Whether this is the only session of its user.
    pub fn is_only(&self) -> bool {
        self.has(flag::FIRST) && self.next == slab::NONE
    }

    pub fn lease(&self) -> Duration {
        Duration::from_millis(u64::from(self.lease_millis))
    }

    /// Replaces the placement of the session.
    pub fn place(&mut self, placed: Placed) {
        self.placed_at = placed.placed_at;
        self.node = placed.node;
        self.set(flag::HELD, placed.held);
        self.lease_millis = u32::try_from(placed.lease.as_millis()).unwrap_or(u32::MAX);
        self.memberships = placed.memberships;
        self.set_left(placed.left);
        self.set_meta(placed.meta);
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

    /// If a heartbeat of its node would make this gone session live again, flags the node, so that
    /// its next heartbeat checks the session.
    pub fn miss_node(&self, now: Timestamp) {
        let left = self.left().is_some_and(|left| left.in_effect(now));
        if self.has(flag::HELD) && !self.stored.is_missing() && !left {
            self.node.miss();
        }
    }

    /// Recomputes which memberships, and whether the declaration, are in effect at `now`.
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

    /// Whether [`reconcile_at`](Self::reconcile_at) would change nothing.
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

    /// Converts the times that this process stamped to a clock that is ahead by `ahead`
    /// milliseconds (wrapping). The end of a declaration is unchanged, since the host chose it.
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

    /// Whether `other` wins the merge against this slot's placement.
    pub fn yields_to(&self, other: &Placement) -> bool {
        // The first two fields nearly always decide, and comparing them copies nothing.
        match (other.placed_at, other.left).cmp(&(self.placed_at, self.left())) {
            std::cmp::Ordering::Equal => other.supersedes(&self.placement()),
            order => order.is_gt(),
        }
    }

    /// The facts that decide the state of the session; see
    /// [`Shard::vitals`](super::shard::Shard::vitals).
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

    /// When the session's last heartbeat was; for a held session, the later of its own
    /// and its node's.
    pub fn last_seen(&self) -> Timestamp {
        if self.has(flag::HELD) { self.seen_at.max(self.node.seen_at()) } else { self.seen_at }
    }

    /// Like [`last_seen`](Self::last_seen), but the time of the departure if the session has left.
    /// Leaving shows that the client was active, and heartbeats of the node no longer count
    /// for the session.
    pub fn seen_or_left(&self) -> Timestamp {
        self.left().map_or_else(|| self.last_seen(), |left| left.at)
    }

    /// Whether the stored session was seen so much earlier that the store must have lost renewals:
    /// by more than a quarter of the lease, for which renewals are postponed.
    ///
    /// A smaller difference needs no write, since the next renewal comes in time. A greater one
    /// does: after two failovers within one lease, the session could lapse before its next renewal.
    /// Held sessions are renewed by the frequent heartbeats of their node.
    pub fn was_seen_long_after(&self, stored: &Session) -> bool {
        !self.has(flag::HELD) && self.seen_at.since(stored.seen_at) > self.lease() / 4
    }

    /// The condition under which the store may forget this session: that it has not changed since
    /// this state.
    pub fn seen(&self) -> ForgetIf {
        ForgetIf::Session { key: self.key(), seen_at: self.last_seen(), placed_at: self.placed_at }
    }
}
