//! Input of hosts: heartbeats and leaves.

use super::{Declaration, Meta, SessionId, SessionKey, Topic, Topics, UserId};
use crate::time::Timestamp;
use std::time::Duration;

/// What a heartbeat says about the user's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// Unknown: the heartbeat only says that the session is alive.
    Unknown,
    /// The user is active now.
    Now,
    /// The user was last active this long ago.
    Ago(Duration),
    /// The user was last active at this time, by the clock of the store; a future time
    /// counts as now.
    At(Timestamp),
}

/// Whether a heartbeat enters its session or renews it. Exhaustive on purpose: there is
/// no third kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BeatKind {
    /// It enters the session, as on page load or connect. It always counts, also within the grace
    /// of a leave, and replaces the topics.
    Enter,
    /// It renews the session, or enters it if it is unknown. Within the grace of the session's
    /// leave it is late and ignored.
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
    /// How long the session stays alive without another heartbeat; `None` keeps it (the policy's,
    /// when entering).
    ///
    /// For a session that a connection holds, at least the policy's `held_for`.
    pub lease: Option<Duration>,
}

impl Beat {
    /// A heartbeat that enters: it always counts, and sets the topics.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, Topics};
    /// let beat = Beat::enter("alice".parse()?, "tab-1".parse()?).topics(Topics::new(["lobby".parse()?])?);
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
    pub fn enter(user: UserId, session: SessionId) -> Self {
        Self { kind: BeatKind::Enter, activity: Activity::Now, ..Self::renew(user, session) }
    }

    /// A heartbeat that renews a session, or enters it if it is unknown.
    ///
    /// If it arrives within the grace of the session's leave, it is late and ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Activity, Beat};
    /// use std::time::Duration;
    /// let beat = Beat::renew("alice".parse()?, "tab-1".parse()?).activity(Activity::Ago(Duration::from_secs(20)));
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
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
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Activity, Beat};
    /// let beat = Beat::renew("alice".parse()?, "tab-1".parse()?).activity(Activity::Now);
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
    pub fn activity(self, activity: Activity) -> Self {
        Self { activity, ..self }
    }

    /// Puts the session into these topics, and out of all others.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, Topics};
    /// let beat = Beat::renew("alice".parse()?, "tab-1".parse()?).topics(Topics::new(["lobby".parse()?])?);
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
    pub fn topics(self, topics: Topics) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Declares a status.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, Declaration, Message, Status};
    /// let busy = Beat::renew("alice".parse()?, "tab-1".parse()?).declares(Status::Busy);
    /// let lunch = Declaration::new(Status::Away).message(Message::new("at lunch")?);
    /// let away = Beat::renew("alice".parse()?, "tab-1".parse()?).declares(lunch);
    /// # let _ = (busy, away);
    /// # Ok(()) }
    /// ```
    pub fn declares(self, declaration: impl Into<Declaration>) -> Self {
        Self { declares: Some(declaration.into()), ..self }
    }

    /// Sets the host's metadata of the session.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Beat, Meta};
    /// let avatar = Meta::new(serde_json::json!({ "avatar": "/a.png" }))?;
    /// let beat = Beat::enter("alice".parse()?, "tab-1".parse()?).meta(avatar);
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
    pub fn meta(self, meta: Meta) -> Self {
        Self { meta: Some(meta), ..self }
    }

    /// Sets how long the session stays alive without another heartbeat.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Beat;
    /// use std::time::Duration;
    /// let beat = Beat::enter("alice".parse()?, "phone".parse()?).lease(Duration::from_mins(10));
    /// # let _ = beat;
    /// # Ok(()) }
    /// ```
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: Some(lease), ..self }
    }
}

/// When others see a leave. Exhaustive on purpose: there is no third kind.
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
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Leave;
    /// let leave = Leave::new("alice".parse()?, "tab-1".parse()?);
    /// # let _ = leave;
    /// # Ok(()) }
    /// ```
    pub fn new(user: UserId, session: SessionId) -> Self {
        let key = SessionKey { user, id: session };
        Self { key, topics: None, placed_at: None, kind: LeaveKind::AfterGrace }
    }

    /// Ends only the memberships in these topics.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Leave;
    /// let leave = Leave::new("alice".parse()?, "tab-1".parse()?).topics(vec!["lobby".parse()?]);
    /// # let _ = leave;
    /// # Ok(()) }
    /// ```
    pub fn topics(self, topics: Vec<Topic>) -> Self {
        Self { topics: Some(topics), ..self }
    }

    /// Ends this placement, and none made after it.
    ///
    /// ```
    /// # use presence_core::{Leave, SessionKey, Timestamp};
    /// # fn example(key: SessionKey, placed_at: Timestamp) {
    /// // `placed_at` is what the heartbeat of the page returned that is now unloaded.
    /// let leave = Leave::new(key.user, key.id).placed_at(placed_at);
    /// # let _ = leave;
    /// # }
    /// ```
    pub fn placed_at(self, placed_at: Timestamp) -> Self {
        Self { placed_at: Some(placed_at), ..self }
    }

    /// Takes effect at once, without the grace.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Leave, LeaveKind};
    /// let leave = Leave::new("alice".parse()?, "tab-1".parse()?).immediately();
    /// assert_eq!(leave.kind, LeaveKind::Immediate);
    /// # Ok(()) }
    /// ```
    pub fn immediately(self) -> Self {
        Self { kind: LeaveKind::Immediate, ..self }
    }
}
