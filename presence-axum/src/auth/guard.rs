//! Both questions in one value: who calls, and may they.

use super::{Action, Authenticator, Authorize, Credentials, Identity, On, Refused};
use http::HeaderMap;
use metrics::counter;
use std::fmt;
use std::sync::Arc;

/// How a host tells who calls and what they may do. Cheap to clone; a part of the host's state.
#[derive(Clone)]
pub struct Auth {
    authenticator: Arc<dyn Authenticator>,
    authorize: Option<Arc<dyn Authorize>>,
}

impl Auth {
    /// Whoever this authenticator knows may do anything, until [`authorize`](Self::authorize) says otherwise.
    pub fn new(authenticator: impl Authenticator) -> Self {
        Self { authenticator: Arc::new(authenticator), authorize: None }
    }

    /// Asks this hook what an identity may do.
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        Self { authorize: Some(Arc::new(authorize)), ..self }
    }

    /// Says who calls, by the headers of a request.
    ///
    /// # Errors
    /// [`Refused`], but for `Forbidden`.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Identity, Refused> {
        let identity = match Credentials::of(headers) {
            Ok(credentials) => self.authenticator.authenticate(&credentials).await,
            Err(refused) => Err(refused),
        };
        identity.inspect_err(|refused| note(*refused))
    }

    /// Whether an identity may do this.
    ///
    /// # Errors
    /// [`Refused::Forbidden`].
    pub async fn permit(&self, identity: &Identity, action: Action, on: On<'_>) -> Result<(), Refused> {
        match &self.authorize {
            Some(authorize) if !authorize.allows(identity, action, on).await => {
                note(Refused::Forbidden);
                Err(Refused::Forbidden)
            }
            _ => Ok(()),
        }
    }
}

fn note(refused: Refused) {
    counter!("presence_auth_refused_total", "reason" => refused.word()).increment(1);
    if let Refused::Invalid(why) = refused {
        tracing::debug!(why, "a token was refused");
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("authorizes", &self.authorize.is_some()).finish_non_exhaustive()
    }
}
