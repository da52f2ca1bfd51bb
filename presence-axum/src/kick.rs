//! `POST /v1/users/{user}/disconnect`.

use crate::auth::{Action, Refused, Resource, count_refusal};
use crate::rest::QueryCaller;
use crate::wire::{invalid, json, session_name};
use crate::{Error, Json, LenientJson, Mount};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use presence_core::{DisconnectTarget, SessionKey, UserId};
use serde::Serialize;
use std::time::Duration;

/// `POST /v1/users/{user}/disconnect` `{"seconds"?, "session"?}`: ends everything that a user has
/// open on all processes, or one session, and refuses them for the given time.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::post};
/// Router::new().route("/users/{user}/kick", post(presence_axum::kick::post)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401; 403 without the right to [`Action::Kick`], and always where callers are not identified;
/// 429; 400 `invalid user`, `invalid seconds`, `invalid session`; 202 with `degraded` when the
/// store does not have it yet.
pub async fn post(
    State(mount): State<Mount>,
    caller: QueryCaller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Kicked {
        ok: bool,
        until: u64,
    }
    // Without identified callers, anybody could disconnect everybody.
    if !mount.guard().identifies() {
        count_refusal(Refused::Forbidden);
        return Err(Refused::Forbidden.into());
    }
    let user = path.ok().and_then(|Path(user)| UserId::new(user).ok());
    let user = user.ok_or_else(|| Error::bad_request("invalid user"))?;
    caller.may(&mount, Action::Kick, Resource::User(&user)).await?;
    let body = LenientJson::read(request, mount.limiter().limits().body).await?;
    let (whom, keeps_away_for) = read(body, user)?;
    let until = mount.presence().disconnect(&whom, keeps_away_for).await?;
    Ok(json(StatusCode::ACCEPTED, &Kicked { ok: true, until: until.as_millis() }))
}

/// Reads what is to be disconnected, and for how long. An empty body sets neither.
fn read(body: LenientJson, user: UserId) -> Result<(DisconnectTarget, Duration), Error> {
    let text = Bytes::from(body);
    let body = LenientJson::from(if text.trim_ascii().is_empty() { Bytes::from_static(b"{}") } else { text });
    let [seconds, session] = body.fields(["seconds", "session"])?;
    let seconds = match seconds {
        Json::Null => 0,
        Json::Number(number) => number.whole().map_or_else(|| invalid("seconds"), Ok)?,
        _ => return invalid("seconds"),
    };
    let whom = match session {
        Json::Null => DisconnectTarget::User(user),
        session => DisconnectTarget::Session(SessionKey { user, id: session_name(&session)? }),
    };
    Ok((whom, Duration::from_secs(seconds)))
}
