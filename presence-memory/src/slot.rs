//! One session in the store. The fields that a touch needs are in the slot, all others in a box.

use presence_core::footprint::{self, PIECE};
use presence_core::store::{Declared, Membership, Placement, Session};
use presence_core::{Meta, SessionId, Timestamp, UserId};

/// One session. With a million of them, each cache line that a touch reads is a large part
/// of its cost.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) user: UserId,
    pub(crate) id: SessionId,
    pub(crate) seen_at: Timestamp,
    pub(crate) active_at: Timestamp,
    /// Whether the session has left.
    pub(crate) has_left: bool,
    /// The hash that the index stores for its user.
    pub(crate) hash: u32,
    rest: Box<Rest>,
}

#[derive(Debug)]
struct Rest {
    placement: Placement,
    declared: Option<Box<Declared>>,
}

impl Slot {
    pub(crate) fn of(hash: u32, session: Session) -> Self {
        let Session { user, id, placement, declared, seen_at, active_at } = session;
        let has_left = placement.left.is_some();
        let rest = Box::new(Rest { placement, declared: declared.map(Box::new) });
        Self { user, id, seen_at, active_at, has_left, hash, rest }
    }

    /// Estimated bytes, including the words in the index.
    pub(crate) fn bytes(&self) -> usize {
        bytes(&self.user, &self.id, &self.rest.placement, self.rest.declared.as_deref())
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.rest.placement
    }

    pub(crate) fn session(&self) -> Session {
        Session {
            user: self.user.clone(),
            id: self.id.clone(),
            placement: self.rest.placement.clone(),
            declared: self.rest.declared.as_deref().cloned(),
            seen_at: self.seen_at,
            active_at: self.active_at,
        }
    }
}

/// Estimated bytes of a session in the store, including the words in the index.
pub(crate) fn bytes(
    user: &UserId,
    id: &SessionId,
    placement: &Placement,
    declared: Option<&Declared>,
) -> usize {
    const SESSION: usize = size_of::<Slot>() + 8 + size_of::<Rest>() + PIECE;
    let memberships = placement.topics.memberships();
    let topics: usize = memberships
        .iter()
        .map(|membership| size_of::<Membership>() + footprint::name(membership.topic.as_str().len()))
        .sum();
    let declared = declared.map_or(0, |declared| {
        let message = declared.message.as_ref().map_or(0, |message| message.as_str().len() + PIECE);
        size_of::<Declared>() + PIECE + message
    });
    SESSION
        + footprint::name(user.as_str().len())
        + footprint::name(id.as_str().len())
        + footprint::name(placement.node.as_str().len())
        + if memberships.is_empty() { 0 } else { 2 * PIECE + topics }
        + placement.meta.as_ref().map_or(0, Meta::footprint)
        + declared
}

impl From<Slot> for Session {
    fn from(Slot { user, id, seen_at, active_at, rest, .. }: Slot) -> Self {
        let Rest { placement, declared } = *rest;
        Self { user, id, placement, declared: declared.map(|declared| *declared), seen_at, active_at }
    }
}
