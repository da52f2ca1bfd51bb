//! What hosts say: beats and leaves.

use super::{Message, SessionKey};
use super::{Meta, SessionId, Status, Topic, Topics, UserId};
use crate::time::Timestamp;
use std::time::Duration;

/// What a beat says of the user's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: the session is alive, that is all.
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
    /// Whose session.
    pub user: UserId,
    /// The id of the session.
    pub session: SessionId,
    /// Whether the session enters (load, connect: always counts) rather than renews.
    pub enters: bool,
    /// What it says of activity. Default: `Now` when it enters, else `Unknown`.
    pub activity: Activity,
    /// Where the session is from now on; `None` leaves it where it was (nowhere, when it enters).
    pub topics: Option<Topics>,
    /// What the user declares; `None` leaves it as it was.
    pub declares: Option<(Status, Option<Message>, Option<Timestamp>)>,
    /// What the host says of the session; `None` leaves it as it was.
    pub meta: Option<Meta>,
    /// How long the session lives without another beat; `None` leaves it as it was (the policy's,
    /// when it enters).
    ///
    /// What a connection holds lives at least the policy's `held_for`.
    pub lease: Option<Duration>,
}

impl Beat {
    /// A load or a connect: always counts, and puts the session where `topics` says.
    pub fn enter(user: UserId, session: SessionId) -> Self {
        Self { enters: true, activity: Activity::Now, ..Self::renew(user, session) }
    }

    /// A heartbeat: renews the session, or makes it if it is not known.
    ///
    /// One that arrives within the grace of the session's leave is late, and is dropped.
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

    /// Says when the user was last active.
    pub fn activity(self, activity: Activity) -> Self {
        Self { activity, ..self }
    }

    /// Puts the session in these topics, and in no others.
    pub fn topics(self, topics: Topics) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Declares a status.
    pub fn declares(self, status: Status, message: Option<Message>) -> Self {
        Self { declares: Some((status, message, None)), ..self }
    }

    /// Says something of the session.
    pub fn meta(self, meta: Meta) -> Self {
        Self { meta: Some(meta), ..self }
    }

    /// Sets how long the session lives without another beat.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: Some(lease), ..self }
    }
}

/// "This session ends", wholly or in some topics.
///
/// It ends what its sender has seen: a placement made meanwhile survives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Which session.
    pub key: SessionKey,
    /// Only these topics; the session leaves with its last one. `None`: all of it.
    pub topics: Option<Vec<Topic>>,
    /// The placement its sender has seen, as an earlier beat answered it; `None`: the one known
    /// here.
    pub placed_at: Option<Timestamp>,
    /// Whether it takes effect now, without the grace.
    pub at_once: bool,
}

impl Leave {
    /// The whole session leaves, after the grace.
    pub fn new(user: UserId, session: SessionId) -> Self {
        Self { key: SessionKey { user, id: session }, topics: None, placed_at: None, at_once: false }
    }

    /// Leaves only these topics.
    pub fn topics(self, topics: Vec<Topic>) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Ends this placement, and none made after it.
    pub fn placed_at(self, placed_at: Timestamp) -> Self {
        Self { placed_at: Some(placed_at), ..self }
    }

    /// Takes effect without the grace.
    pub fn now(self) -> Self {
        Self { at_once: true, ..self }
    }
}
