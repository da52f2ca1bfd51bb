//! The trait that turns credentials into an identity.

use super::{Credentials, Identity, Refused};
use async_trait::async_trait;
use std::sync::Arc;

/// Verifies the credentials of a request and makes an [`Identity`] of them.
///
/// It is async, so it may ask a server. It gets nothing but the credentials, so that no field of a
/// body or a query can influence who the caller is.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Identifies the caller by these credentials.
    ///
    /// # Errors
    /// [`Refused::Invalid`] and [`Refused::Expired`] for wrong credentials;
    /// [`Refused::Unavailable`] when they cannot be verified at the moment.
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused>;

    /// The same answer at once, where that takes no waiting: a request then pays for no boxed
    /// future. `None`, the default, leaves the answer to [`authenticate`](Self::authenticate).
    /// It must not block.
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use presence_axum::auth::{Authenticator, Credentials, Identity, Refused};
    ///
    /// struct OneToken(Identity);
    ///
    /// impl OneToken {
    ///     fn check(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
    ///         match credentials.token() {
    ///             "let me in" => Ok(self.0.clone()),
    ///             _ => Err(Refused::Invalid("another token")),
    ///         }
    ///     }
    /// }
    ///
    /// #[async_trait]
    /// impl Authenticator for OneToken {
    ///     async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
    ///         self.check(credentials)
    ///     }
    ///
    ///     fn authenticate_now(&self, credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
    ///         Some(self.check(credentials))
    ///     }
    /// }
    /// # let only = OneToken(Identity::from_host("ada".parse().unwrap()));
    /// # let ada = only.authenticate_now(&Credentials::new("let me in").unwrap());
    /// # assert_eq!(ada.unwrap().unwrap().subject(), Some("ada"));
    /// ```
    ///
    /// # Errors
    /// As for [`authenticate`](Self::authenticate).
    fn authenticate_now(&self, _credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
        None
    }
}

#[async_trait]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        (**self).authenticate(credentials).await
    }

    fn authenticate_now(&self, credentials: &Credentials<'_>) -> Option<Result<Identity, Refused>> {
        (**self).authenticate_now(credentials)
    }
}
