//! What callers may do: the host decides.

use super::Identity;
use async_trait::async_trait;
use presence_core::{Topic, UserId};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Speak for oneself: beat, declare, leave. On the user.
    Speak,
    /// Speak for somebody else. On that user.
    SpeakFor,
    /// Be somewhere. On each topic that a beat or a socket names.
    Enter,
    /// Ask how somebody is, or who is there. On the user, the topic, or everyone.
    Read,
    /// See what changes, as long as it takes: a stream, a subscription. On the topic, the user, or
    /// everyone.
    Watch,
    /// Send a message that all get who are there. On the topic.
    Publish,
    /// Send what is gone in a moment, such as "is typing". On the topic.
    Signal,
    /// Disconnect somebody. On that user.
    Kick,
}

/// With whom, or where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource<'a> {
    /// A user.
    User(&'a UserId),
    /// A topic.
    Topic(&'a Topic),
    /// All users, wherever they are.
    Everyone,
}

impl<'a> Resource<'a> {
    /// This topic, or everyone where there is none.
    pub fn topic_or_everyone(topic: Option<&'a Topic>) -> Self {
        topic.map_or(Self::Everyone, Self::Topic)
    }
}

/// Decides what an identity may do.
///
/// It may wait, to ask a database. It is asked at each hit, query and frame that needs it, and
/// again by streams that go on: an answer that is dear should be kept by the host. A function that
/// need not wait is one as it stands:
///
/// ```
/// use presence_axum::auth::{Action, Auth, Hs256, Identity, Resource};
///
/// let auth = Auth::new(Hs256::new("secret")).authorize(|who: &Identity, action: Action, on: Resource<'_>| match (action, on) {
///     (Action::SpeakFor | Action::Kick, _) => who.is_admin(),
///     (_, Resource::Topic(topic)) => who.is_admin() || !topic.as_str().starts_with("staff/"),
///     _ => true,
/// });
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

/// The rule where the host has none: everybody speaks for themselves and sees everybody;
/// administrators may do all.
pub(super) fn by_default(identity: &Identity, action: Action) -> bool {
    match action {
        Action::SpeakFor | Action::Kick => identity.is_admin(),
        Action::Speak | Action::Enter | Action::Publish | Action::Signal => {
            identity.user().is_some() || identity.is_admin()
        }
        Action::Read | Action::Watch => true,
    }
}
