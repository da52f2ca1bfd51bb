//! `POST /admin/disconnect/{user_id}`.

use crate::Service;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use presence_axum::auth::{Action, Resource, Transport};
use presence_axum::wire::json;
use presence_axum::{Error, Json, LenientJson};
use presence_core::{DisconnectTarget, UserId};
use serde::Serialize;
use std::time::Duration;

/// Closes all connections of a user on all instances, and refuses the user for `{"seconds"}`.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid user`, `invalid seconds`; 503.
pub(crate) async fn disconnect(
    State(service): State<Service>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Wire<'a> {
        user_id: &'a str,
        seconds: u64,
    }
    let mount = service.mount();
    mount.limiter().query(request.extensions(), request.headers())?;
    let (mut parts, body) = request.into_parts();
    let caller = mount.caller(&mut parts, Transport::Request).await?;
    let user = path.ok().and_then(|Path(name)| UserId::new(name).ok());
    let user = user.ok_or_else(|| Error::bad_request("invalid user"))?;
    mount.permit(&caller, Action::Kick, Resource::User(&user)).await?;
    let body = LenientJson::read(Request::from_parts(parts, body), LenientJson::MAX_BYTES).await?;
    let seconds = seconds(body)?;
    let whom = DisconnectTarget::User(user.clone());
    match service.presence().disconnect(&whom, Duration::from_secs(seconds)).await {
        // Not in the store yet: the library writes it later.
        Ok(_) | Err(presence_core::Error::Degraded(_)) => {}
        Err(error) => return Err(error.into()),
    }
    tracing::info!(%user, seconds, by = caller.subject(), "disconnected");
    Ok(json(StatusCode::ACCEPTED, &Wire { user_id: user.as_str(), seconds }))
}

/// The duration; an empty body has none.
fn seconds(body: LenientJson) -> Result<u64, Error> {
    let text = Bytes::from(body);
    if text.trim_ascii().is_empty() {
        return Ok(0);
    }
    let [seconds] = LenientJson::from(text).fields(["seconds"])?.map(|seconds| match seconds {
        Json::Null => Some(0),
        Json::Number(number) => number.whole(),
        _ => None,
    });
    seconds.ok_or_else(|| Error::bad_request("invalid seconds"))
}
