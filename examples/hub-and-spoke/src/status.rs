//! A user's status as the store holds it: a session that only declares.
//!
//! The session has no heartbeats (`seen_at` stays zero) and no topics, and ends at the time in its
//! declaration. A `Presence` on the same store, with `DeclaredOnly::Alive` in its policy, counts
//! its user as online until then.

use presence_core::store::{Declared, Departure, Placement, Session};
use presence_core::{Message, NodeId, SessionId, Status};
use presence_core::{Timestamp, Topics, UserId};
use std::time::Duration;

/// The id of the session with a user's status.
pub const SESSION: &str = "status";
/// The lifetime of a status, unless a shorter one is set.
pub const LASTS: Duration = Duration::from_hours(1);

/// A status to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The user it belongs to.
    pub user: UserId,
    /// The status.
    pub status: Status,
    /// The message beside the status.
    pub message: Option<Message>,
    /// The lifetime; at most [`LASTS`].
    pub ttl: Duration,
}

/// Whether a session is a user's status.
pub fn is_status(session: &Session) -> bool {
    session.id.as_str() == SESSION
}

/// Whether a status is to be shown: it was not cleared and has not lapsed.
pub fn is_current(session: &Session, now: Timestamp) -> bool {
    let until = |declared: &Declared| declared.until.unwrap_or(declared.at + session.placement.lease);
    session.placement.left.is_none()
        && session.declared.as_ref().is_some_and(|declared| now < until(declared))
}

impl Wanted {
    /// The session for this status, with stamps newer than those of `held`.
    pub fn session(self, held: Option<&Session>, node: &NodeId, now: Timestamp) -> Session {
        // Both registers get the same stamp. It must be newer than the stored stamps, whichever
        // clock they are from.
        let (placed_at, declared_at) = held.map_or((Timestamp::ZERO, Timestamp::ZERO), |held| {
            (held.placement.placed_at, held.declared.as_ref().map_or(Timestamp::ZERO, |declared| declared.at))
        });
        let at = now.max(placed_at.max(declared_at) + Duration::from_millis(1));
        Session {
            user: self.user,
            id: session_id(),
            placement: Placement {
                placed_at: at,
                left: None,
                node: node.clone(),
                held: false,
                lease: self.ttl,
                topics: Topics::default(),
                meta: None,
            },
            declared: Some(Declared {
                at,
                status: self.status,
                message: self.message,
                until: Some(at + self.ttl),
            }),
            seen_at: Timestamp::ZERO,
            active_at: Timestamp::ZERO,
        }
    }
}

/// The same status, cleared; `None` if there is nothing to clear.
pub fn cleared(mut held: Session, now: Timestamp) -> Option<Session> {
    if held.placement.left.is_some() {
        return None;
    }
    let at = now.max(held.placement.placed_at);
    held.placement.left = Some(Departure { at, ends_at: at });
    Some(held)
}

#[expect(clippy::expect_used, reason = "the name is a constant, and valid")]
fn session_id() -> SessionId {
    SessionId::new(SESSION).expect("a valid name")
}
