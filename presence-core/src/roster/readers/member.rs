//! What a reader is told of a user.

use crate::liveness::Liveness;
use crate::model::{Message, Meta, SessionId, Status, Topic, UserId};
use crate::time::Timestamp;
use serde::Serialize;

/// A user as a scope shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The id of the user.
    pub user: UserId,
    /// `Active` or `Idle` in lists and diffs; a query of the very user may also answer `Gone`.
    pub liveness: Liveness,
    /// The effective status: declared, or else derived from the liveness.
    pub status: Status,
    /// The words declared with the status.
    pub message: Option<Message>,
    /// What the host said of the newest placed session that has a meta.
    pub meta: Option<Meta>,
    /// Its live sessions in this scope, sorted by id. Empty unless they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<MemberSession>,
}

/// One live session of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberSession {
    /// The id of the session.
    pub id: SessionId,
    /// `Active` or `Idle`.
    pub liveness: Liveness,
    /// Where it is.
    pub topics: Vec<Topic>,
    /// What the host said of it.
    pub meta: Option<Meta>,
}

/// All that is known of one user, gone or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The user, with sessions; its liveness may be `Gone`.
    #[serde(flatten)]
    pub member: Member,
    /// The last beat of any of their sessions, or of the node that holds one; `None` if none ever
    /// beat.
    pub last_seen: Option<Timestamp>,
}

impl Person {
    /// One who is gone, and was last seen then.
    pub(crate) fn gone(user: &UserId, seen_at: Timestamp) -> Self {
        let (liveness, status) = (Liveness::Gone, Status::Offline);
        let member =
            Member { user: user.clone(), liveness, status, message: None, meta: None, sessions: Vec::new() };
        Self { member, last_seen: Some(seen_at).filter(|at| *at != Timestamp::ZERO) }
    }
}

/// How many users a scope has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Active and idle together.
    pub online: u32,
    /// Active ones.
    pub active: u32,
}

impl Counts {
    /// Those who are online and not active.
    pub const fn idle(self) -> u32 {
        self.online - self.active
    }

    /// The counts after one user's step; `None` is absent.
    pub(crate) fn step(self, from: Option<Liveness>, to: Option<Liveness>) -> Self {
        let weight = |liveness: Option<Liveness>| {
            (u32::from(liveness.is_some()), u32::from(liveness == Some(Liveness::Active)))
        };
        let (from, to) = (weight(from), weight(to));
        Self { online: self.online + to.0 - from.0, active: self.active + to.1 - from.1 }
    }
}
