//! A user's status, as the store holds it: one session that only ever declares.
//!
//! It never beats (`seen_at` stays zero), is in no topic, and ends at the instant that its
//! declaration names. For a `Presence` on the same store whose policy has `declared_counts`, its
//! user is there until then.

use presence_core::{Declared, Departure, Message, NodeId, Placement, Session, SessionId, Status};
use presence_core::{Timestamp, Topics, UserId};
use std::time::Duration;

/// The name of the session that holds a user's status.
pub const SESSION: &str = "status";
/// How long a status lasts, unless it is set for less.
pub const LASTS: Duration = Duration::from_hours(1);

/// What somebody wants a status to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The user it belongs to.
    pub user: UserId,
    /// The status.
    pub status: Status,
    /// The words beside it.
    pub message: Option<Message>,
    /// How long it lasts; at most [`LASTS`].
    pub ttl: Duration,
}

/// Whether a session is a user's status.
pub fn is_status(session: &Session) -> bool {
    session.id.as_str() == SESSION
}

/// Whether a status is to be shown: it has not been cleared and has not lapsed.
pub fn is_current(session: &Session, now: Timestamp) -> bool {
    let until = |declared: &Declared| declared.until.unwrap_or(declared.at + session.placement.lease);
    session.placement.left.is_none()
        && session.declared.as_ref().is_some_and(|declared| now < until(declared))
}

impl Wanted {
    /// The session that says so, newer than what is `held` of it.
    pub fn session(self, held: Option<&Session>, node: &NodeId, now: Timestamp) -> Session {
        // Both registers get one stamp; neither may lose against what it replaces, whatever clock
        // that was made by.
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

/// The same status, cleared; `None` if there is nothing left to clear.
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
