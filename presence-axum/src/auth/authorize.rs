//! What callers may do: the host decides.

use super::Identity;
use async_trait::async_trait;
use presence_core::{Topic, UserId};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// See who is there, or how somebody is.
    Read,
    /// Speak for somebody: beat, declare, leave.
    Write,
    /// Send what everybody there gets.
    Publish,
}

/// With whom, or where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum On<'a> {
    /// A user.
    User(&'a UserId),
    /// A topic.
    Topic(&'a Topic),
}

/// Decides what an identity may do.
///
/// It may wait, to ask a database. A function that need not is one as it stands:
///
/// ```
/// use presence_axum::auth::{Action, Auth, Hs256, Identity, On};
///
/// let auth = Auth::new(Hs256::new("secret")).authorize(|who: &Identity, action: Action, on: On<'_>| {
///     action == Action::Read || matches!(on, On::User(user) if who.subject() == Some(user.as_str()))
/// });
/// # let _ = auth;
/// ```
#[async_trait]
pub trait Authorize: Send + Sync + 'static {
    /// Whether `identity` may do `action` there.
    async fn allows(&self, identity: &Identity, action: Action, on: On<'_>) -> bool;
}

#[async_trait]
impl<F> Authorize for F
where
    F: Fn(&Identity, Action, On<'_>) -> bool + Send + Sync + 'static,
{
    async fn allows(&self, identity: &Identity, action: Action, on: On<'_>) -> bool {
        self(identity, action, on)
    }
}
