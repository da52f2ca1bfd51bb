//! What comes in and what goes out, as JSON.

use super::user::MAX_USERS;
use crate::Error;
use crate::status::{LASTS, Wanted};
use presence_core::{Message, Session, Status, Timestamp, UserId};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::time::Duration;
use time::OffsetDateTime;

/// The largest body: a batch of 1,000 fits.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// A user's status, in the order of its keys on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown<'a> {
    #[serde(rename = "userID")]
    user: &'a str,
    status: Status,
    message: &'a str,
    #[serde(serialize_with = "rfc3339")]
    last_seen: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    updated_at: Timestamp,
    #[serde(rename = "nodeID")]
    node: &'a str,
}

impl<'a> From<&'a Session> for Shown<'a> {
    fn from(session: &'a Session) -> Self {
        let declared = session.declared.as_ref();
        let at = declared.map_or(Timestamp::ZERO, |declared| declared.at);
        let message = declared.and_then(|declared| declared.message.as_ref());
        Self {
            user: session.user.as_str(),
            status: declared.map_or(Status::Offline, |declared| declared.status),
            message: message.map_or("", Message::as_str),
            // Nobody beats here: a user was seen when their status was set.
            last_seen: session.seen_at.max(at),
            updated_at: at,
            node: session.placement.node.as_str(),
        }
    }
}

/// UTC to the millisecond, with `Z`; always of one length, since some clients read no other.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn rfc3339<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    let seconds = i64::try_from(at.as_secs()).ok();
    let then = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let then = then.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, second)) = (then.to_calendar_date(), then.to_hms());
    let (month, millis) = (u8::from(month), at.as_millis() % 1000);
    to.collect_str(&format_args!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    ))
}

/// Several of them, as a batch is answered.
#[derive(Serialize)]
pub(crate) struct Stored<'a> {
    pub(crate) presences: Vec<Shown<'a>>,
}

/// Several of them, and who has none.
#[derive(Serialize)]
pub(crate) struct Found<'a> {
    pub(crate) presences: Vec<Shown<'a>>,
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

/// What `{"status","message"?,"ttl"?}` wants for a user.
pub(crate) fn one(user: UserId, body: &[u8]) -> Result<Wanted, Error> {
    wanted(user, &parsed(body)?)
}

/// What `{"presences":[{"userID","status","message"?,"ttl"?},…]}` wants. One that is wrong makes all wrong.
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
