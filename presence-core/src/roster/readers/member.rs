//! How a user is shown to readers.

use crate::liveness::Liveness;
use crate::model::{Message, Meta, SessionId, Status, Topic, UserId};
use crate::time::Timestamp;
use serde::Serialize;

/// A user as shown in a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The id of the user.
    pub user: UserId,
    /// `Active` or `Idle` in lists and diffs. A query of a single user may also return `Gone`.
    pub liveness: Liveness,
    /// The effective status: the declared one, or else the one derived from the liveness.
    pub status: Status,
    /// The message declared with the status.
    pub message: Option<Message>,
    /// The metadata of the user's most recently placed session that has any.
    pub meta: Option<Meta>,
    /// The user's live sessions in this scope, sorted by id. Empty unless the query
    /// asked for sessions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<MemberSession>,
}

/// One live session of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemberSession {
    /// The id of the session.
    pub id: SessionId,
    /// `Active` or `Idle`.
    pub liveness: Liveness,
    /// The topics that the session is in.
    pub topics: Vec<Topic>,
    /// The host's metadata of the session.
    pub meta: Option<Meta>,
}

/// Everything known about one user, present or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Person {
    /// The user, with sessions; the liveness may be `Gone`.
    #[serde(flatten)]
    pub member: Member,
    /// The last heartbeat of any of the user's sessions, or of a node that holds one; `None` if
    /// there never was one.
    pub last_seen: Option<Timestamp>,
}

impl Person {
    /// A user without sessions who was last seen at `seen_at`.
    pub(crate) fn gone(user: &UserId, seen_at: Timestamp) -> Self {
        let (liveness, status) = (Liveness::Gone, Status::Offline);
        let member =
            Member { user: user.clone(), liveness, status, message: None, meta: None, sessions: Vec::new() };
        Self { member, last_seen: Some(seen_at).filter(|at| *at != Timestamp::ZERO) }
    }
}

/// Number of users in a scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Users that are active or idle.
    pub online: u32,
    /// Users that are active.
    pub active: u32,
}

impl Counts {
    /// Users that are online but not active.
    pub const fn idle(self) -> u32 {
        self.online - self.active
    }

    /// The counts after a change of one user; `None` means not present.
    pub(crate) fn step(self, from: Option<Liveness>, to: Option<Liveness>) -> Self {
        let weight = |liveness: Option<Liveness>| {
            (u32::from(liveness.is_some()), u32::from(liveness == Some(Liveness::Active)))
        };
        let (from, to) = (weight(from), weight(to));
        Self { online: self.online + to.0 - from.0, active: self.active + to.1 - from.1 }
    }
}
