//! Disconnecting users.

use crate::auth::{Action, Refused, Resource, note};
use crate::rest::Asks;
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

/// `POST /v1/users/{user}/disconnect` `{"seconds"?, "session"?}`: ends all that a user has open on
/// all processes, or one session, and keeps it away for so long.
///
/// # Errors
/// 401; 403 without the right to [`Action::Kick`], and always where nobody is asked who they are;
/// 429; 400 `invalid user`, `invalid seconds`, `invalid session`; 202 with `degraded` when the
/// store could not be told yet.
pub async fn post(
    State(mount): State<Mount>,
    asks: Asks,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Kicked {
        ok: bool,
        until: u64,
    }
    // A mount that believes bodies would let anybody disconnect everybody.
    if !mount.guard().identifies() {
        note(Refused::Forbidden);
        return Err(Refused::Forbidden.into());
    }
    let user = path.ok().and_then(|Path(user)| UserId::new(user).ok());
    let user = user.ok_or_else(|| Error::bad_request("invalid user"))?;
    asks.may(&mount, Action::Kick, Resource::User(&user)).await?;
    let body = LenientJson::read(request, mount.gate().limits().body).await?;
    let (whom, keeps_away_for) = read(body, user)?;
    let until = mount.presence().disconnect(&whom, keeps_away_for).await?;
    Ok(json(StatusCode::ACCEPTED, &Kicked { ok: true, until: until.as_millis() }))
}

/// Whom a body means, and for how long; an empty one is one without fields.
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
