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
}

#[async_trait]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        (**self).authenticate(credentials).await
    }
}
