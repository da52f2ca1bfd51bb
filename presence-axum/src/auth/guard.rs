//! Both questions in one value: who calls, and may they.

use super::authorize::by_default;
use super::{Action, Authorize, Credentials, Identify, Identity, Refused, Resource, Transport};
use http::request::Parts;
use presence_core::UserId;
use std::fmt;
use std::sync::Arc;

/// How a host tells who calls and what they may do. Cheap to clone; a part of the host's state.
#[derive(Clone)]
pub struct Auth {
    /// `None`: nobody is asked, and everybody is believed.
    identify: Option<Arc<dyn Identify>>,
    authorize: Option<Arc<dyn Authorize>>,
}

impl Auth {
    /// Asks this who calls: an [`Authenticator`](super::Authenticator) such as
    /// [`Hs256`](super::Hs256), or what the host knows by itself
    /// ([`from_extractor`](super::from_extractor)).
    ///
    /// Until [`authorize`](Self::authorize) says otherwise, everybody speaks for themselves and
    /// sees everybody; [administrators](Identity::is_admin) may also speak for others and
    /// disconnect them.
    pub fn new(identify: impl Identify) -> Self {
        Self { identify: Some(Arc::new(identify)), authorize: None }
    }

    /// Asks nobody, and believes what bodies say.
    pub(crate) fn believing() -> Self {
        Self { identify: None, authorize: None }
    }

    /// Asks this hook what an identity may do.
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        Self { authorize: Some(Arc::new(authorize)), ..self }
    }

    pub(crate) fn identify_by(self, identify: impl Identify) -> Self {
        Self { identify: Some(Arc::new(identify)), ..self }
    }

    /// Whether anybody is asked who they are.
    pub(crate) fn identifies(&self) -> bool {
        self.identify.is_some()
    }

    /// Whether it is a browser, and not its page, that shows who calls.
    pub(crate) fn is_ambient(&self) -> bool {
        self.identify.as_ref().is_some_and(|identify| identify.is_ambient())
    }

    /// Says who sends a request. A request says in its head alone who sends it.
    ///
    /// # Errors
    /// [`Refused`] when that is nobody who may call.
    pub async fn identify(&self, parts: &mut Parts, transport: Transport) -> Result<Identity, Refused> {
        let Some(identify) = &self.identify else { return Ok(Identity::anonymous()) };
        identify.identify(parts, transport).await.inspect_err(|refused| note(*refused))
    }

    /// Says whose token this is, shown on a connection that is open already.
    ///
    /// # Errors
    /// [`Refused`] when it is nobody's, or when callers are known by other means than tokens.
    pub async fn identify_token(&self, token: &str) -> Result<Identity, Refused> {
        let Some(identify) = &self.identify else { return Ok(Identity::anonymous()) };
        let identity = match Credentials::new(token) {
            Ok(credentials) => identify.identify_token(&credentials).await,
            Err(refused) => Err(refused),
        };
        identity.inspect_err(|refused| note(*refused))
    }

    /// Whether an identity may do this.
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
        note(Refused::Forbidden);
        Err(Refused::Forbidden)
    }

    /// Whether an identity may speak for this user: for itself ([`Action::Speak`]), or for another
    /// ([`Action::SpeakFor`]).
    ///
    /// # Errors
    /// [`Refused::Forbidden`].
    pub async fn permit_speaking(&self, identity: &Identity, user: &UserId) -> Result<(), Refused> {
        let own = !self.identifies() || identity.user() == Some(user);
        self.permit(identity, if own { Action::Speak } else { Action::SpeakFor }, Resource::User(user)).await
    }
}

pub(crate) fn note(refused: Refused) {
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
