//! One session as the roster stores it: a record of 128 bytes with what a heartbeat needs up front.

use crate::liveness::{Liveness, Vitals};
use crate::model::{Placement, Session, SessionId, SessionKey, UserId};
use crate::roster::clock::nodes::NodeState;
use crate::roster::clock::wheel::{self, Tick};
use crate::roster::sessions::cold::Cold;
use crate::roster::sessions::cost;
use crate::roster::sessions::known::Known;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::placed::Placed;
use crate::roster::sessions::slab;
use crate::store::ForgetIf;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Boolean properties of a session, one bit each.
pub(crate) mod flag {
    /// This process received heartbeats of the session or held it, and writes it again when the
    /// store turns out to know less of it.
    pub const TRACKED: u16 = 1;
    /// A connection holds the session: it lives as long as its node sends heartbeats.
    pub const HELD: u16 = 1 << 1;
    /// A connection of this process holds the session.
    pub const HELD_HERE: u16 = 1 << 2;
    /// A heartbeat was recorded that the store does not know of yet.
    pub const TOUCH_DUE: u16 = 1 << 3;
    /// The session's times are by this process's own clock, because no time of the store was known
    /// when they were stamped.
    pub const OWN_TIME: u16 = 1 << 4;
    /// The user has declared to be offline, so that the session is not shown, whatever its state.
    /// All sessions of a user have the same value.
    pub const HIDDEN: u16 = 1 << 5;
    /// The session has a departure, in effect or within its grace. A cleared flag spares a look
    /// into `cold`.
    pub const LEFT: u16 = 1 << 6;
    /// First session of its user: the one that the shard's index refers to.
    pub const FIRST: u16 = 1 << 7;
    /// First session of a user who has a [`Crowd`](super::crowd::Crowd).
    pub const CROWD: u16 = 1 << 8;
}

/// One session: two cache lines. The first has the identity of the session, the second what
/// deriving its state needs: a sweep that finds a session alive reads only the second.
#[repr(C)]
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
    /// The part of the user's hash that the shard's index keeps.
    pub hash: u32,
    /// Number of the next session of the same user, or `slab::NONE`.
    pub next: u32,
    pub lease_millis: u32,
    pub queued: Tick,
    pub flags: u16,
    /// State at the last reconciliation. Counts, lists and events are derived from it.
    pub state: Liveness,
    /// Whether the store has the session.
    pub known: Known,
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
            known: Known::NEVER,
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

    /// What the session contributes to the state that its user shows.
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

    /// Replaces the placement.
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

    /// If this lapsed session would revive with its node, flags the node so that its next heartbeat
    /// re-checks the session.
    pub fn miss_node(&self, now: Timestamp) {
        let left = self.left().is_some_and(|left| left.in_effect(now));
        if self.has(flag::HELD) && !self.known.is_missing() && !left {
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
    /// milliseconds (wrapping). The end of a declaration, which the host chose, is left alone.
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
        // The first two fields decide nearly always, and comparing them copies nothing.
        match (other.placed_at, other.left).cmp(&(self.placed_at, self.left())) {
            std::cmp::Ordering::Equal => other.supersedes(&self.placement()),
            order => order.is_gt(),
        }
    }

    /// What the session is judged by; see [`Shard::vitals`](super::shard::Shard::vitals).
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

    /// When the session's last heartbeat was; for a held session, the later of its own and its
    /// node's.
    pub fn last_seen(&self) -> Timestamp {
        if self.has(flag::HELD) { self.seen_at.max(self.node.seen_at()) } else { self.seen_at }
    }

    /// Like [`last_seen`](Self::last_seen), but the time of the departure if the session has left:
    /// the heartbeats of its node no longer count for it, and leaving is a sign of life.
    pub fn seen_or_left(&self) -> Timestamp {
        self.left().map_or_else(|| self.last_seen(), |left| left.at)
    }

    /// Whether the stored session lacks more heartbeats than postponing them explains, which is a
    /// quarter of the lease.
    ///
    /// Smaller gaps need no write, since the next heartbeat closes them in time; but after two
    /// failovers within one lease it would not. Held sessions live by the heartbeats of their node,
    /// which are frequent.
    pub fn was_seen_long_after(&self, stored: &Session) -> bool {
        !self.has(flag::HELD) && self.seen_at.since(stored.seen_at) > self.lease() / 4
    }

    /// The condition under which the store may forget this session: unchanged since this state.
    pub fn seen(&self) -> ForgetIf {
        ForgetIf::Session { key: self.key(), seen_at: self.last_seen(), placed_at: self.placed_at }
    }
}
