//! `POST /messages`: a user sends a message to a room.

use crate::protocol::named;
use crate::{Room, Service, rfc3339};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use presence_axum::auth::{Action, Resource, Transport};
use presence_axum::wire::json;
use presence_axum::{Error, Json, LenientJson};
use serde::Serialize;
use uuid::Uuid;

/// The longest text, in characters.
const MAX_CONTENT: usize = 4_000;

/// Takes `{"channel_id"|"dm_id","content"}` and delivers it as a message of the caller: 202 once it
/// is sent.
///
/// In production, a service that stores messages would publish them in the same way.
///
/// # Errors
/// 400; 401; 403 for a room that the token is not valid for; 429; 503 when no instance receives it.
pub(crate) async fn post(State(service): State<Service>, request: Request) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Data<'a> {
        message_id: &'a str,
        content: &'a str,
        user_id: Option<&'a str>,
        username: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        dm_id: Option<&'a str>,
        timestamp: String,
    }
    #[derive(Serialize)]
    struct Wire<'a> {
        message_id: &'a str,
    }
    let mount = service.mount();
    mount.limiter().query(request.extensions(), request.headers())?;
    let (mut parts, body) = request.into_parts();
    let caller = mount.caller(&mut parts, Transport::Request).await?;
    let body = LenientJson::read(Request::from_parts(parts, body), LenientJson::MAX_BYTES).await?;
    let topic = named(&body).map_err(Error::bad_request)?;
    let room = Room::of(&topic).ok_or_else(|| Error::bad_request("invalid room"))?;
    mount.permit(&caller, Action::Publish, Resource::Topic(&topic)).await?;
    let [content] = body.fields(["content"])?;
    let Json::Text(content) = content else { return Err(Error::bad_request("content must be a string")) };
    if content.trim().is_empty() || content.chars().nth(MAX_CONTENT).is_some() {
        return Err(Error::bad_request("content must have 1 to 4,000 characters"));
    }
    let id = Uuid::new_v4().to_string();
    let data = Data {
        message_id: &id,
        content: &content,
        user_id: caller.subject(),
        username: caller.name(),
        channel_id: room.channel_id(),
        dm_id: room.dm_id(),
        timestamp: rfc3339(service.presence().now()),
    };
    let data = serde_json::to_string(&data).unwrap_or_default();
    service.exchange().send(room, &data).await.map_err(|error| {
        tracing::warn!(%error, "a message was not sent");
        Error::unavailable("not sent")
    })?;
    Ok(json(StatusCode::ACCEPTED, &Wire { message_id: &id }))
}
