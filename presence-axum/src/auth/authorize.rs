//! The rights of callers, which the host decides.

use super::Identity;
use async_trait::async_trait;
use presence_core::{Topic, UserId};

/// What a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Act for oneself: send heartbeats, declare a status, leave. Resource: the user.
    Speak,
    /// Act for somebody else. Resource: that user.
    SpeakFor,
    /// Enter a topic. Resource: each topic that a beat or a socket names.
    Enter,
    /// Query the state of a user, or the users of a topic. Resource: the user, the
    /// topic, or everyone.
    Read,
    /// Follow changes for as long as a stream or subscription lasts. Resource: the topic, the user,
    /// or everyone.
    Watch,
    /// Send a message to all subscribers of a topic. Resource: the topic.
    Publish,
    /// Send a short-lived value such as "is typing". Resource: the topic.
    Signal,
    /// Disconnect a user. Resource: that user.
    Kick,
}

/// What an [`Action`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource<'a> {
    /// A user.
    User(&'a UserId),
    /// A topic.
    Topic(&'a Topic),
    /// All users, in whichever topic.
    Everyone,
}

impl<'a> Resource<'a> {
    /// The topic, or everyone for `None`.
    ///
    /// ```
    /// use presence_axum::auth::Resource;
    /// assert_eq!(Resource::topic_or_everyone(None), Resource::Everyone);
    /// ```
    pub fn topic_or_everyone(topic: Option<&'a Topic>) -> Self {
        topic.map_or(Self::Everyone, Self::Topic)
    }
}

/// Decides what an identity may do.
///
/// It is asked at each hit, query and frame that needs a right, and again at intervals by open
/// streams. It is async, so it may ask a database; the host should cache decisions that are
/// expensive. A plain function is an `Authorize` too:
///
/// ```
/// use presence_axum::auth::{Action, Auth, Hs256, Identity, Resource};
///
/// fn rule(caller: &Identity, action: Action, on: Resource<'_>) -> bool {
///     match (action, on) {
///         (Action::SpeakFor | Action::Kick, _) => caller.is_admin(),
///         (_, Resource::Topic(topic)) => {
///             caller.is_admin() || !topic.as_str().starts_with("staff/")
///         }
///         _ => true,
///     }
/// }
/// let auth = Auth::new(Hs256::new("secret")).authorize(rule);
/// # let _ = auth;
/// ```
#[async_trait]
pub trait Authorize: Send + Sync + 'static {
    /// Whether `identity` may do `action` there.
    async fn allows(&self, identity: &Identity, action: Action, on: Resource<'_>) -> bool;
}

#[async_trait]
impl<F> Authorize for F
where
    F: Fn(&Identity, Action, Resource<'_>) -> bool + Send + Sync + 'static,
{
    async fn allows(&self, identity: &Identity, action: Action, on: Resource<'_>) -> bool {
        self(identity, action, on)
    }
}

/// The rule without a hook: users act for themselves and see everybody; administrators
/// may do everything.
pub(super) fn by_default(identity: &Identity, action: Action) -> bool {
    match action {
        Action::SpeakFor | Action::Kick => identity.is_admin(),
        Action::Speak | Action::Enter | Action::Publish | Action::Signal => {
            identity.user().is_some() || identity.is_admin()
        }
        Action::Read | Action::Watch => true,
    }
}
