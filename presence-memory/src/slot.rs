//! One session as the store keeps it: what a touch reads and writes together, the rest apart.

use presence_core::{Declared, Placement, Session, SessionId, Timestamp, UserId};

/// One session. With a million of them, each line of memory that a touch reads is a good part of what it costs.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) user: UserId,
    pub(crate) id: SessionId,
    pub(crate) seen_at: Timestamp,
    pub(crate) active_at: Timestamp,
    /// Whether its placement has ended.
    pub(crate) has_left: bool,
    /// What the index has of its user.
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

impl From<Slot> for Session {
    fn from(Slot { user, id, seen_at, active_at, rest, .. }: Slot) -> Self {
        let Rest { placement, declared } = *rest;
        Self { user, id, placement, declared: declared.map(|declared| *declared), seen_at, active_at }
    }
}
