//! Input of hosts: heartbeats and leaves.

use super::{Message, SessionKey};
use super::{Meta, SessionId, Status, Topic, Topics, UserId};
use crate::time::Timestamp;
use std::time::Duration;

/// What a heartbeat tells of the user's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// "This session is alive", with optional activity, topics, status and meta.
///
/// ```
/// use presence_core::{Beat, SessionId, Topic, Topics, UserId};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let beat = Beat::enter(UserId::new("alice")?, SessionId::new("tab-1")?)
///     .topics(Topics::new([Topic::new("/pricing")?])?);
/// assert!(beat.enters);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// The user of the session.
    pub user: UserId,
    /// The id of the session.
    pub session: SessionId,
    /// Whether the session enters (page load, connect) rather than renews. Entering always counts,
    /// also within the grace of a leave.
    pub enters: bool,
    /// The user's activity. Default: `Now` when entering, else `Unknown`.
    pub activity: Activity,
    /// The topics of the session from now on; `None` keeps them (none, when entering).
    pub topics: Option<Topics>,
    /// The status that the user declares; `None` keeps it.
    pub declares: Option<(Status, Option<Message>, Option<Timestamp>)>,
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
        Self { enters: true, activity: Activity::Now, ..Self::renew(user, session) }
    }

    /// A heartbeat that renews a session, or enters it if it is unknown.
    ///
    /// If it arrives within the grace of the session's leave, it is late and ignored.
    pub fn renew(user: UserId, session: SessionId) -> Self {
        Self {
            user,
            session,
            enters: false,
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
    pub fn declares(self, status: Status, message: Option<Message>) -> Self {
        Self { declares: Some((status, message, None)), ..self }
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

/// "This session ends", as a whole or in some topics.
///
/// It ends the placement that its sender has seen; one made meanwhile is unaffected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// The session.
    pub key: SessionKey,
    /// Only these topics; the session leaves with its last one. `None`: the whole session.
    pub topics: Option<Vec<Topic>>,
    /// The placement that the sender has seen, as an earlier heartbeat returned it; `None`: the
    /// present one.
    pub placed_at: Option<Timestamp>,
    /// Whether it takes effect at once, without the grace.
    pub at_once: bool,
}

impl Leave {
    /// Ends the whole session, after the grace.
    pub fn new(user: UserId, session: SessionId) -> Self {
        Self { key: SessionKey { user, id: session }, topics: None, placed_at: None, at_once: false }
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
    pub fn now(self) -> Self {
        Self { at_once: true, ..self }
    }
}
