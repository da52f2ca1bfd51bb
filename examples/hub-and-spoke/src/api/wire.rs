//! The JSON of requests and responses.

use super::user::MAX_USERS;
use crate::Error;
use crate::Shown;
use crate::status::{LASTS, Wanted};
use presence_core::{Message, UserId};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The maximum size of a body, enough for a batch of 1,000.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// The response to a batch.
#[derive(Serialize)]
pub(crate) struct Stored<'a> {
    pub(crate) presences: Vec<&'a Shown>,
}

/// The response to a query: the statuses found, and the users without one.
#[derive(Serialize)]
pub(crate) struct Found<'a> {
    pub(crate) presences: Vec<&'a Shown>,
    pub(crate) missing: Vec<&'a UserId>,
}

fn object(value: Value) -> Result<Map<String, Value>, Error> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::bad_request("not an object")),
    }
}

fn parsed(body: &[u8]) -> Result<Map<String, Value>, Error> {
    object(serde_json::from_slice(body).map_err(|_| Error::bad_request("invalid JSON"))?)
}

/// Reads `{"status","message"?,"ttl"?}`.
pub(crate) fn one(user: UserId, body: &[u8]) -> Result<Wanted, Error> {
    wanted(user, &parsed(body)?)
}

/// Reads `{"presences":[{"userID","status","message"?,"ttl"?},…]}`. One invalid entry makes the
/// whole batch invalid.
pub(crate) fn several(body: &[u8]) -> Result<Vec<Wanted>, Error> {
    let Some(Value::Array(presences)) = parsed(body)?.remove("presences") else {
        return Err(Error::bad_request("presences is required"));
    };
    if presences.len() > MAX_USERS {
        return Err(Error::bad_request("too many presences"));
    }
    let read = |value| {
        let fields = object(value)?;
        let name = fields.get("userID").and_then(Value::as_str);
        let user = name.and_then(|name| UserId::new(name).ok());
        wanted(user.ok_or(Error::bad_request("invalid userID"))?, &fields)
    };
    presences.into_iter().map(read).collect()
}

/// Reads `{"users":[..]}`, in this order.
pub(crate) fn users(body: &[u8]) -> Result<Vec<UserId>, Error> {
    let Some(Value::Array(users)) = parsed(body)?.remove("users") else {
        return Err(Error::bad_request("users is required"));
    };
    if users.is_empty() {
        return Err(Error::bad_request("users is required"));
    }
    if users.len() > MAX_USERS {
        return Err(Error::bad_request("too many users"));
    }
    let read = |value: &Value| value.as_str().and_then(|name| UserId::new(name).ok());
    let users: Option<Vec<UserId>> = users.iter().map(read).collect();
    users.ok_or(Error::bad_request("invalid userID"))
}

fn wanted(user: UserId, fields: &Map<String, Value>) -> Result<Wanted, Error> {
    let field = |name| fields.get(name).filter(|value| !value.is_null());
    let status = field("status").and_then(Value::as_str).and_then(|word| word.parse().ok());
    let status = status.ok_or(Error::bad_request("invalid status"))?;
    let message = match field("message") {
        Some(value) => Some(message(value).ok_or(Error::bad_request("invalid message"))?),
        None => None,
    };
    let ttl = match field("ttl") {
        Some(value) => seconds(value).ok_or(Error::bad_request("invalid ttl"))?.min(LASTS),
        None => LASTS,
    };
    Ok(Wanted { user, status, message, ttl })
}

fn message(value: &Value) -> Option<Message> {
    Message::new(value.as_str()?).ok()
}

fn seconds(value: &Value) -> Option<Duration> {
    value.as_u64().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}
