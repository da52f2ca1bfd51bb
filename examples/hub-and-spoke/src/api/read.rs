//! Who has which status.

use super::user::{Named, listed};
use super::wire::Found;
use crate::{Error, Service};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use presence_axum::auth::{Action, Identity, On};
use presence_axum::wire::json;
use presence_core::UserId;

/// `GET /api/v2/presence/{userID}`.
///
/// # Errors
/// 401; 403; 400; 404 when the user has no status; 503 when that cannot be known.
pub(crate) async fn one(
    State(service): State<Service>,
    identity: Identity,
    user: Result<Named, Error>,
) -> Result<Response, Error> {
    let Named(user) = user?;
    service.auth().permit(&identity, Action::Read, On::User(&user)).await?;
    let mut found = service.read(std::slice::from_ref(&user)).await?;
    let shown = found.pop().flatten().ok_or_else(|| Error::unknown(&user))?;
    Ok(json(StatusCode::OK, &*shown))
}

/// `GET /api/v2/presence?users=a,b`.
///
/// # Errors
/// 401; 403; 400 without users, and beyond 1,000; 503 when it cannot be known of all.
pub(crate) async fn several(
    State(service): State<Service>,
    identity: Identity,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let users = listed(query.as_deref().unwrap_or_default())?;
    for user in &users {
        service.auth().permit(&identity, Action::Read, On::User(user)).await?;
    }
    let found = service.read(&users).await?;
    let missing: Vec<&UserId> =
        users.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(user, _)| user).collect();
    let presences = found.iter().flatten().map(|shown| &**shown).collect();
    Ok(json(StatusCode::OK, &Found { presences, missing }))
}
