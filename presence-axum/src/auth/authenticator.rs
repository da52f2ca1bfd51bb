//! The trait that turns credentials into an identity.

use super::{Credentials, Identity, Refused};
use async_trait::async_trait;
use std::sync::Arc;

/// Makes an [`Identity`] of what a request shows.
///
/// It may wait: one that asks a server for keys is as good as one that holds a secret. It is told
/// nothing but the credentials, so that nobody is who they are because of a body or a query.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Says who shows these credentials.
    ///
    /// # Errors
    /// [`Refused::Invalid`] and [`Refused::Expired`] for what is wrong with the credentials;
    /// [`Refused::Unavailable`] when it cannot be told at the moment.
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused>;
}

#[async_trait]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Identity, Refused> {
        (**self).authenticate(credentials).await
    }
}
