//! Setting and clearing statuses.

use super::user::Named;
use super::wire::{self, MAX_BODY, Stored};
use crate::{Error, Service};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use presence_axum::LenientJson;
use presence_axum::auth::Identity;
use presence_axum::wire::json;
use presence_core::UserId;

/// `POST` and `PUT /api/v2/presence/{userID}`.
///
/// # Errors
/// 401; 403; 400; 413; 503 when the store has not confirmed it.
pub(crate) async fn one(
    State(service): State<Service>,
    identity: Identity,
    user: Result<Named, Error>,
    request: Request,
) -> Result<Response, Error> {
    let Named(user) = user?;
    permit(&service, &identity, &user).await?;
    let wanted = wire::one(user, &body(request).await?)?;
    let stored = service.statuses().set(vec![wanted]).await.map_err(|error| service.unanswered(&error))?;
    let shown = stored.first().ok_or_else(|| Error::bad_request("nothing to store"))?;
    Ok(json(StatusCode::OK, &**shown))
}

/// `POST /api/v2/presence/batch`: sets all statuses, or none if one of them is invalid.
///
/// # Errors
/// As for [`one`].
pub(crate) async fn several(
    State(service): State<Service>,
    identity: Identity,
    request: Request,
) -> Result<Response, Error> {
    let wanted = wire::several(&body(request).await?)?;
    for wanted in &wanted {
        permit(&service, &identity, &wanted.user).await?;
    }
    let stored = service.statuses().set(wanted).await.map_err(|error| service.unanswered(&error))?;
    Ok(json(StatusCode::OK, &Stored { presences: stored.iter().map(|shown| &**shown).collect() }))
}

/// `DELETE /api/v2/presence/{userID}`.
///
/// # Errors
/// 401; 403; 400; 503 when the store has not confirmed it.
pub(crate) async fn clear(
    State(service): State<Service>,
    identity: Identity,
    user: Result<Named, Error>,
) -> Result<StatusCode, Error> {
    let Named(user) = user?;
    permit(&service, &identity, &user).await?;
    service.statuses().clear(&user).await.map_err(|error| service.unanswered(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn permit(service: &Service, identity: &Identity, user: &UserId) -> Result<(), Error> {
    Ok(service.auth().permit_speaking(identity, user).await?)
}

async fn body(request: Request) -> Result<Bytes, Error> {
    Ok(LenientJson::read(request, MAX_BODY).await?.into())
}
