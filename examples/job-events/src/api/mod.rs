//! The endpoints, one file per resource.

pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod push;
pub(crate) mod updates;

use crate::{Error, JobId};
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

/// The job in the path of a request.
pub(crate) struct Named(pub JobId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|_| Error::field("jobId", "is no UTF-8"))?;
        Ok(Self(JobId::new(&id)?))
    }
}
