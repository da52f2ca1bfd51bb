//! Reading statuses.

use super::user::{Named, listed};
use super::wire::{self, Found, MAX_BODY};
use crate::{Error, Service};
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use presence_axum::LenientJson;
use presence_axum::auth::{Action, Identity, Resource};
use presence_axum::wire::json;
use presence_core::UserId;

/// `GET /api/v2/presence/{userID}`.
///
/// # Errors
/// 401; 403; 400; 404 when the user has no status; 503 when the store does not answer.
pub(crate) async fn one(
    State(service): State<Service>,
    identity: Identity,
    user: Result<Named, Error>,
) -> Result<Response, Error> {
    let Named(user) = user?;
    service.auth().permit(&identity, Action::Read, Resource::User(&user)).await?;
    let mut found = service.read(std::slice::from_ref(&user)).await?;
    let shown = found.pop().flatten().ok_or_else(|| Error::unknown(&user))?;
    Ok(json(StatusCode::OK, &*shown))
}

/// `GET /api/v2/presence?users=a,b`.
///
/// # Errors
/// 401; 403; 400 without users, and beyond 1,000; 503 when the status of any of them
/// cannot be read.
pub(crate) async fn several(
    State(service): State<Service>,
    identity: Identity,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    answer(&service, &identity, &listed(query.as_deref().unwrap_or_default())?).await
}

/// `POST /api/v2/presence/query` `{"users":[..]}`: the same, for more users than fit into a URL.
///
/// # Errors
/// As for [`several`]; 413 beyond 1 MiB.
pub(crate) async fn queried(
    State(service): State<Service>,
    identity: Identity,
    request: Request,
) -> Result<Response, Error> {
    let body: Bytes = LenientJson::read(request, MAX_BODY).await?.into();
    answer(&service, &identity, &wire::users(&body)?).await
}

async fn answer(service: &Service, identity: &Identity, users: &[UserId]) -> Result<Response, Error> {
    for user in users {
        service.auth().permit(identity, Action::Read, Resource::User(user)).await?;
    }
    let found = service.read(users).await?;
    let missing: Vec<&UserId> =
        users.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(user, _)| user).collect();
    let presences = found.iter().flatten().map(|shown| &**shown).collect();
    Ok(json(StatusCode::OK, &Found { presences, missing }))
}
