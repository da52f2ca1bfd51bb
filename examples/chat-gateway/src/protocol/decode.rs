//! Decodes the frames of clients.

use crate::room::{Kind, Room};
use bytes::Bytes;
use presence_axum::ws::{Command, Problem, SessionFields, SubscriptionRequest, Token};
use presence_axum::{BodyError, Json, LenientJson};
use presence_core::{Declaration, Message, Topic};

/// The typing value that other subscribers get.
const TYPES: &str = "true";

/// Decodes a frame.
pub(super) fn command(text: &str) -> Result<Command, Problem> {
    let frame = LenientJson::from(Bytes::copy_from_slice(text.as_bytes()));
    let [kind] = frame.fields(["type"]).map_err(not_json)?;
    let Json::Text(kind) = kind else { return Err(unknown()) };
    match &*kind {
        "subscribe" => Ok(Command::Subscribe(vec![SubscriptionRequest::new(Some(room(&frame)?))])),
        "unsubscribe" => Ok(Command::Unsubscribe(vec![Some(room(&frame)?)])),
        "typing" => Ok(Command::Typing { topic: room(&frame)?, value: Some(TYPES.into()) }),
        "ping" => Ok(Command::Ping),
        "status" => status(&frame),
        "auth" => {
            let [token] = frame.fields(["token"]).map_err(not_json)?;
            let Json::Text(token) = token else { return Err(wrong("token must be a string")) };
            Ok(Command::Auth { token: Token::new(token) })
        }
        _ => Err(unknown()),
    }
}

fn wrong(words: &'static str) -> Problem {
    Problem::new(400, words)
}

fn unknown() -> Problem {
    wrong("Invalid message type")
}

fn not_json(_: BodyError) -> Problem {
    wrong("Invalid JSON")
}

/// The room of a frame, from one of two fields.
fn room(frame: &LenientJson) -> Result<Topic, Problem> {
    named(frame).map_err(wrong)
}

/// The room of a request body.
///
/// # Errors
/// A message about the wrong field.
pub(crate) fn named(frame: &LenientJson) -> Result<Topic, &'static str> {
    let Ok([channel, direct]) = frame.fields(["channel_id", "dm_id"]) else { return Err("Invalid JSON") };
    let (kind, id) = match (&channel, &direct) {
        (Json::Null, Json::Null) => return Err("either channel_id or dm_id is required"),
        (id, Json::Null) => (Kind::Channel, id),
        (Json::Null, id) => (Kind::Direct, id),
        _ => return Err("either channel_id or dm_id, not both"),
    };
    let Json::Text(id) = id else { return Err("a room is named by a string") };
    Room { kind, id }.topic().map_err(|_| "a room is named by 1 to 256 bytes without control characters")
}

fn status(frame: &LenientJson) -> Result<Command, Problem> {
    let [status, message] = frame.fields(["status", "message"]).map_err(not_json)?;
    let status = match &status {
        Json::Text(word) => word.parse().ok(),
        _ => None,
    };
    let status = status.ok_or_else(|| wrong("status must be online, away, busy or offline"))?;
    let message = match message {
        Json::Null => None,
        Json::Text(text) if text.is_empty() => None,
        Json::Text(text) => Message::new(text).ok(),
        _ => return Err(wrong("message must be a string")),
    };
    let mut fields = SessionFields::default();
    fields.declares = Some(Declaration::new(status).message(message));
    Ok(Command::Beat(fields))
}

#[cfg(test)]
mod tests;
