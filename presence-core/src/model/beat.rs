//! Input of hosts: heartbeats and leaves.

use super::{Declaration, Meta, SessionId, SessionKey, Topic, Topics, UserId};
use crate::time::Timestamp;
use std::time::Duration;

/// What a heartbeat tells of the user's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// Nothing; the session is merely alive.
    Unknown,
    /// The user is active now.
    Now,
    /// The user was last active this long ago.
    Ago(Duration),
    /// The user was last active then, by the clock of the store; a future time counts as now.
    At(Timestamp),
}

/// Whether a heartbeat enters its session or renews it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BeatKind {
    /// It enters the session, as on page load or connect. It always counts, also within the grace of
    /// a leave, and replaces the topics.
    Enter,
    /// It renews the session, or enters it if it is unknown. Within the grace of the session's leave
    /// it is late and ignored.
    Renew,
}

/// "This session is alive", with optional activity, topics, status and meta.
///
/// ```
/// use presence_core::{Beat, BeatKind, SessionId, Status, Topic, Topics, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let beat = Beat::enter(UserId::new("alice")?, SessionId::new("tab-1")?)
///     .topics(Topics::new([Topic::new("/pricing")?])?)
///     .declares(Status::Busy);
/// assert_eq!(beat.kind, BeatKind::Enter);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Beat {
    /// The user of the session.
    pub user: UserId,
    /// The id of the session.
    pub session: SessionId,
    /// Whether it enters the session or renews it.
    pub kind: BeatKind,
    /// The user's activity. Default: `Now` when entering, else `Unknown`.
    pub activity: Activity,
    /// The topics of the session from now on; `None` keeps them (none, when entering).
    pub topics: Option<Topics>,
    /// The status that the user declares; `None` keeps it.
    pub declares: Option<Declaration>,
    /// The host's metadata of the session; `None` keeps it.
    pub meta: Option<Meta>,
    /// How long the session lives without another heartbeat; `None` keeps it (the policy's, when
    /// entering).
    ///
    /// A session that a connection holds lives at least the policy's `held_for`.
    pub lease: Option<Duration>,
}

impl Beat {
    /// A heartbeat that enters: it always counts, and sets the topics.
    pub fn enter(user: UserId, session: SessionId) -> Self {
        Self { kind: BeatKind::Enter, activity: Activity::Now, ..Self::renew(user, session) }
    }

    /// A heartbeat that renews a session, or enters it if it is unknown.
    ///
    /// If it arrives within the grace of the session's leave, it is late and ignored.
    pub fn renew(user: UserId, session: SessionId) -> Self {
        Self {
            user,
            session,
            kind: BeatKind::Renew,
            activity: Activity::Unknown,
            topics: None,
            declares: None,
            meta: None,
            lease: None,
        }
    }

    /// Sets when the user was last active.
    pub fn activity(self, activity: Activity) -> Self {
        Self { activity, ..self }
    }

    /// Puts the session into these topics, and out of all others.
    pub fn topics(self, topics: Topics) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Declares a status.
    pub fn declares(self, declaration: impl Into<Declaration>) -> Self {
        Self { declares: Some(declaration.into()), ..self }
    }

    /// Sets the host's metadata of the session.
    pub fn meta(self, meta: Meta) -> Self {
        Self { meta: Some(meta), ..self }
    }

    /// Sets how long the session lives without another heartbeat.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: Some(lease), ..self }
    }
}

/// When others see a leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveKind {
    /// After the policy's grace, so that reloading a page is not seen.
    AfterGrace,
    /// At once.
    Immediate,
}

/// "This session ends", as a whole or in some topics.
///
/// It ends the placement that its sender has seen; one made meanwhile is unaffected.
///
/// ```
/// use presence_core::{Leave, LeaveKind, SessionId, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let leave = Leave::new(UserId::new("alice")?, SessionId::new("tab-1")?).immediately();
/// assert_eq!(leave.kind, LeaveKind::Immediate);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leave {
    /// The session.
    pub key: SessionKey,
    /// Only these topics; the session leaves with its last one. `None`: the whole session.
    pub topics: Option<Vec<Topic>>,
    /// The placement that the sender has seen, as an earlier heartbeat returned it; `None`: the
    /// present one.
    pub placed_at: Option<Timestamp>,
    /// When others see it.
    pub kind: LeaveKind,
}

impl Leave {
    /// Ends the whole session, after the grace.
    pub fn new(user: UserId, session: SessionId) -> Self {
        let key = SessionKey { user, id: session };
        Self { key, topics: None, placed_at: None, kind: LeaveKind::AfterGrace }
    }

    /// Ends only the memberships in these topics.
    pub fn topics(self, topics: Vec<Topic>) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Ends this placement, and none made after it.
    pub fn placed_at(self, placed_at: Timestamp) -> Self {
        Self { placed_at: Some(placed_at), ..self }
    }

    /// Takes effect at once, without the grace.
    pub fn immediately(self) -> Self {
        Self { kind: LeaveKind::Immediate, ..self }
    }
}
