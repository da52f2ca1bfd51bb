//! [`Auth`]: identification and authorization in one value.

use super::authorize::by_default;
use super::{Action, Authorize, Credentials, Identify, Identity, Refused, Resource, Transport};
use http::request::Parts;
use presence_core::UserId;
use std::fmt;
use std::sync::Arc;

/// How the host identifies callers and decides what they may do. Cheap to clone; a part of the
/// host's state.
#[derive(Clone)]
pub struct Auth {
    /// `None`: callers are not identified, and every request is allowed.
    identify: Option<Arc<dyn Identify>>,
    authorize: Option<Arc<dyn Authorize>>,
}

impl Auth {
    /// Identifies callers by this: an [`Authenticator`](super::Authenticator) such as
    /// [`Hs256`](super::Hs256), or an adapter of the host's own sessions
    /// ([`from_extractor`](super::from_extractor)).
    ///
    /// Unless [`authorize`](Self::authorize) is set, users act for themselves and see everybody;
    /// [administrators](Identity::is_admin) may also act for others and disconnect them.
    ///
    /// ```
    /// # fn example(tokens: impl presence_axum::auth::Authenticator) {
    /// use presence_axum::auth::Auth;
    /// let auth = Auth::new(tokens);
    /// # let _ = auth;
    /// # }
    /// ```
    pub fn new(identify: impl Identify) -> Self {
        Self { identify: Some(Arc::new(identify)), authorize: None }
    }

    /// Without identification: a hit counts for the user that its body names.
    pub(crate) fn none() -> Self {
        Self { identify: None, authorize: None }
    }

    /// Sets the hook that decides what an identity may do.
    ///
    /// ```
    /// # fn example(tokens: impl presence_axum::auth::Authenticator) {
    /// use presence_axum::auth::{Action, Auth, Identity, Resource};
    /// fn rule(caller: &Identity, action: Action, _: Resource<'_>) -> bool {
    ///     !matches!(action, Action::SpeakFor | Action::Kick) || caller.is_admin()
    /// }
    /// let auth = Auth::new(tokens).authorize(rule);
    /// # let _ = auth;
    /// # }
    /// ```
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        Self { authorize: Some(Arc::new(authorize)), ..self }
    }

    pub(crate) fn identify_by(self, identify: impl Identify) -> Self {
        Self { identify: Some(Arc::new(identify)), ..self }
    }

    /// Whether callers are identified.
    pub(crate) fn identifies(&self) -> bool {
        self.identify.is_some()
    }

    /// Whether the browser authenticates by itself, for example by a cookie.
    pub(crate) fn is_ambient(&self) -> bool {
        self.identify.as_ref().is_some_and(|identify| identify.is_ambient())
    }

    /// Identifies the sender of a request, from its head alone.
    ///
    /// ```
    /// # use http::request::Parts;
    /// # use presence_axum::auth::Auth;
    /// # use presence_axum::auth::Refused;
    /// # async fn example(auth: Auth, mut parts: Parts) -> Result<(), Refused> {
    /// use presence_axum::auth::Transport;
    /// let caller = auth.identify(&mut parts, Transport::Request).await?;
    /// println!("{:?}", caller.subject());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refused`] when the caller cannot be identified.
    pub async fn identify(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused> {
        let Some(identify) = &self.identify else { return Ok(Identity::anonymous()) };
        let identity = match identify.identify_now(parts, transport) {
            Some(identity) => identity,
            None => identify.identify(parts, transport).await,
        };
        identity.inspect_err(|refused| count_refusal(*refused))
    }

    /// Identifies the sender of a token on an open connection.
    ///
    /// ```
    /// # use presence_axum::auth::Auth;
    /// # use presence_axum::auth::Refused;
    /// # async fn example(auth: Auth, token: &str) -> Result<(), Refused> {
    /// let caller = auth.identify_token(token).await?;
    /// println!("{:?}", caller.expires_at());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refused`] when the token is not valid, or when callers are not identified by tokens.
    pub async fn identify_token(&self, token: &str) -> Result<Identity, Refused> {
        let Some(identify) = &self.identify else { return Ok(Identity::anonymous()) };
        let identity = match Credentials::new(token) {
            Ok(credentials) => identify.identify_token(&credentials).await,
            Err(refused) => Err(refused),
        };
        identity.inspect_err(|refused| count_refusal(*refused))
    }

    /// Checks whether an identity has this right.
    ///
    /// ```
    /// # use presence_axum::auth::Auth;
    /// # use presence_axum::auth::Identity;
    /// # use presence_axum::auth::Refused;
    /// # async fn example(auth: Auth, caller: Identity) -> Result<(), Refused> {
    /// use presence_axum::auth::{Action, Resource};
    /// auth.permit(&caller, Action::Read, Resource::Everyone).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refused::Forbidden`].
    pub async fn permit(&self, identity: &Identity, action: Action, on: Resource<'_>) -> Result<(), Refused> {
        let allowed = match &self.authorize {
            Some(authorize) => authorize.allows(identity, action, on).await,
            None => !self.identifies() || by_default(identity, action),
        };
        if allowed {
            return Ok(());
        }
        count_refusal(Refused::Forbidden);
        Err(Refused::Forbidden)
    }

    /// Checks whether an identity may act for this user: for itself ([`Action::Speak`]), or for
    /// another user ([`Action::SpeakFor`]).
    ///
    /// ```
    /// # use presence_axum::auth::Auth;
    /// # use presence_axum::auth::Identity;
    /// # use presence_axum::auth::Refused;
    /// # use presence_core::UserId;
    /// # async fn example(auth: Auth, caller: Identity, user: UserId) -> Result<(), Refused> {
    /// auth.permit_speaking(&caller, &user).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refused::Forbidden`].
    pub async fn permit_speaking(&self, identity: &Identity, user: &UserId) -> Result<(), Refused> {
        let own = !self.identifies() || identity.user() == Some(user);
        self.permit(identity, if own { Action::Speak } else { Action::SpeakFor }, Resource::User(user)).await
    }
}

pub(crate) fn count_refusal(refused: Refused) {
    crate::metrics::auth_refused(refused.word());
    if let Refused::Invalid(why) = refused {
        tracing::debug!(why, "a token was refused");
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (identifies, authorizes) = (self.identifies(), self.authorize.is_some());
        f.debug_struct("Auth")
            .field("identifies", &identifies)
            .field("authorizes", &authorizes)
            .finish_non_exhaustive()
    }
}
