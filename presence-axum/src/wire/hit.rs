//! The body of a hit and its response.

use crate::lenient_json::strings;
use crate::{Error, Json, LenientJson};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header;
use presence_core::{
    Activity, Beat, Declaration, Leave, LeaveKind, Message, Meta, Policy, SessionId, Status, Timestamp,
    Topic, Topics, UserId,
};
use serde::Serialize;
use std::time::Duration;

/// A hit whose fields were read and validated.
///
/// Exhaustive, so that a host that handles hits learns of a new kind from the compiler.
#[derive(Debug, Clone, PartialEq)]
pub enum Hit {
    /// `"kind":"enter"` or `"beat"`.
    Beat(Beat),
    /// `"kind":"leave"`.
    Leave(Leave),
}

impl Hit {
    /// The user whose session the hit is about.
    pub fn user(&self) -> &UserId {
        match self {
            Self::Beat(beat) => &beat.user,
            Self::Leave(leave) => &leave.key.user,
        }
    }

    /// Reads a hit from its body. Without a `user` field it is about the caller.
    ///
    /// ```
    /// use presence_axum::LenientJson;
    /// use presence_axum::wire::Hit;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let body = LenientJson::from(&br#"{"user":"ada","kind":"enter"}"#[..]);
    /// let hit = Hit::read(&body, None).map_err(|_| "refused")?;
    /// assert_eq!(hit.user().as_str(), "ada");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 400, with the first invalid field: `no user`, `invalid idle_ms`.
    pub fn read(body: &LenientJson, caller: Option<&UserId>) -> Result<Self, Error> {
        let [user, session, kind, topics, idle, status, message, now, placed_at, meta] = body.fields([
            "user",
            "session",
            "kind",
            "topics",
            "idle_ms",
            "status",
            "message",
            "now",
            "placed_at",
            "meta",
        ])?;
        let user = user_id(&user, caller)?;
        let session = session_id(&session, &user)?;
        let enters = match &kind {
            Json::Null => false,
            Json::Text(word) => match word.as_ref() {
                "enter" => true,
                "beat" => false,
                "leave" => return leave(user, session, &topics, &now, &placed_at).map(Self::Leave),
                _ => return invalid("kind"),
            },
            _ => return invalid("kind"),
        };
        let mut beat = if enters { Beat::enter(user, session) } else { Beat::renew(user, session) };
        let (activity, topics, declares, meta) = fields_of(&idle, &topics, &status, message, &meta)?;
        beat.activity = activity.unwrap_or(beat.activity);
        (beat.topics, beat.declares, beat.meta) = (topics, declares, meta);
        Ok(Self::Beat(beat))
    }
}

/// What a beat sets in its session, from a hit or a frame of a socket; `None` where
/// it sets nothing.
type Fields = (Option<Activity>, Option<Topics>, Option<Declaration>, Option<Meta>);

/// Reads the fields that a hit and a frame of a socket have in common.
pub(crate) fn fields_of(
    idle: &Json<'_>,
    topics: &Json<'_>,
    status: &Json<'_>,
    message: Json<'_>,
    meta: &Json<'_>,
) -> Result<Fields, Error> {
    let activity = match idle {
        Json::Null => None,
        Json::Number(ms) => {
            Some(Activity::Ago(Duration::from_millis(ms.whole().ok_or_else(|| wrong("idle_ms"))?)))
        }
        _ => return invalid("idle_ms"),
    };
    let declares = declared(status, message)?;
    let meta = match meta {
        Json::Null => None,
        Json::Object(text) => Some(serde_json::from_str::<Meta>(text).map_err(|_| wrong("meta"))?),
        _ => return invalid("meta"),
    };
    Ok((activity, topics_of(topics)?, declares, meta))
}

pub(crate) fn wrong(field: &'static str) -> Error {
    Error::bad_request(format!("invalid {field}"))
}

pub(crate) fn invalid<T>(field: &'static str) -> Result<T, Error> {
    Err(wrong(field))
}

fn user_id(user: &Json<'_>, caller: Option<&UserId>) -> Result<UserId, Error> {
    let is_named = match user {
        Json::Null => false,
        Json::Text(name) => !name.is_empty(),
        _ => true,
    };
    if !is_named {
        return caller.cloned().ok_or_else(|| Error::bad_request("no user"));
    }
    user_name(user)
}

/// Reads a user id.
pub(crate) fn user_name(user: &Json<'_>) -> Result<UserId, Error> {
    user.name(UserId::MAX_BYTES).and_then(|name| UserId::new(name).ok()).ok_or_else(|| wrong("user"))
}

/// Reads a session id.
pub(crate) fn session_name(session: &Json<'_>) -> Result<SessionId, Error> {
    session
        .name(SessionId::MAX_BYTES)
        .and_then(|name| SessionId::new(name).ok())
        .ok_or_else(|| wrong("session"))
}

/// The named session, or by default the one that has the user's own name.
fn session_id(session: &Json<'_>, user: &UserId) -> Result<SessionId, Error> {
    if matches!(session, Json::Null) {
        return SessionId::new(user).map_err(|_| wrong("session"));
    }
    session_name(session)
}

pub(crate) fn topics_of(topics: &Json<'_>) -> Result<Option<Topics>, Error> {
    let names = match topics {
        Json::Null => return Ok(None),
        Json::Array(text) => strings(text, |name| Topic::new(name)),
        _ => None,
    };
    names.and_then(|names| Topics::new(names).ok()).map(Some).ok_or_else(|| wrong("topics"))
}

fn declared(status: &Json<'_>, message: Json<'_>) -> Result<Option<Declaration>, Error> {
    let status: Option<Status> = match status {
        Json::Null => None,
        Json::Text(word) => Some(word.parse().map_err(|_| wrong("status"))?),
        _ => return invalid("status"),
    };
    let message = match message {
        Json::Null => None,
        Json::Text(text) => Some(Message::new(text).map_err(|_| wrong("message"))?),
        _ => return invalid("message"),
    };
    match (status, message) {
        (Some(status), message) => Ok(Some(Declaration::new(status).message(message))),
        (None, None) => Ok(None),
        // A message is a part of a status, and would not be shown without one.
        (None, Some(_)) => Err(Error::bad_request("no status")),
    }
}

/// Reads the field `now` of a leave, for hits and for frames of a socket.
pub(crate) fn leave_kind(now: &Json<'_>) -> Result<LeaveKind, Error> {
    match now {
        Json::Null | Json::Bool(false) => Ok(LeaveKind::AfterGrace),
        Json::Bool(true) => Ok(LeaveKind::Immediate),
        _ => invalid("now"),
    }
}

fn leave(
    user: UserId,
    session: SessionId,
    topics: &Json<'_>,
    now: &Json<'_>,
    placed_at: &Json<'_>,
) -> Result<Leave, Error> {
    let mut leave = Leave::new(user, session);
    if let Some(topics) = topics_of(topics)? {
        if topics.is_empty() {
            return Err(Error::bad_request("no topics")); // not taken for "all of them"
        }
        leave = leave.topics(topics.names().cloned().collect());
    }
    leave.kind = leave_kind(now)?;
    leave.placed_at = match placed_at {
        Json::Null => None,
        Json::Number(ms) => Some(Timestamp::from_millis(ms.whole().ok_or_else(|| wrong("placed_at"))?)),
        _ => return invalid("placed_at"),
    };
    Ok(leave)
}

/// The response to an accepted hit: `{"ok":true,"placed_at":1710000000000}`. Fields without a value
/// are left out.
///
/// The response to an `enter` also has the user and the windows of
/// the policy: `"user":"ada","active_for":300000,"lease_for":60000`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HitResponse {
    /// The time of the session's placement, which a later leave may name.
    pub placed_at: Option<Timestamp>,
    /// Present in the response to an `enter`.
    pub entered: Option<Entered>,
}

/// What a client needs to know when it enters: its user, and the windows of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entered {
    /// The user of the session.
    pub user: UserId,
    /// How long after the last activity a user counts as active.
    pub active_for: Duration,
    /// How long a session lives after its last beat.
    pub lease_for: Duration,
    /// Whether the mount serves a socket, `/v1/ws` beside the hits.
    pub socket: Socket,
}

/// Whether a mount serves a socket. Exhaustive: it does, or it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// There is a socket.
    Served,
    /// There is none.
    Absent,
}

impl Entered {
    /// The response for this user under this policy.
    pub fn of(user: &UserId, policy: &Policy, socket: Socket) -> Self {
        Self { user: user.clone(), active_for: policy.active_for, lease_for: policy.lease_for, socket }
    }
}

impl IntoResponse for HitResponse {
    fn into_response(self) -> Response {
        let mut text = Vec::with_capacity(128);
        text.extend_from_slice(br#"{"ok":true"#);
        if let Some(placed_at) = self.placed_at {
            field(&mut text, br#","placed_at":"#, &placed_at.as_millis());
        }
        if let Some(Entered { user, active_for, lease_for, socket }) = self.entered {
            field(&mut text, br#","user":"#, user.as_str());
            field(&mut text, br#","active_for":"#, &active_for.as_millis());
            field(&mut text, br#","lease_for":"#, &lease_for.as_millis());
            if socket == Socket::Served {
                text.extend_from_slice(br#","ws":true"#);
            }
        }
        text.push(b'}');
        let mut response = Response::new(Body::from(text));
        let (nosniff, always) = super::NOSNIFF;
        response.headers_mut().insert(header::CONTENT_TYPE, super::JSON);
        response.headers_mut().insert(nosniff, always);
        response
    }
}

/// Appends a field: its name as written, and its value. Writing to a buffer does not fail, nor does
/// serialising a string or a number.
fn field(text: &mut Vec<u8>, name: &[u8], value: &(impl Serialize + ?Sized)) {
    text.extend_from_slice(name);
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests;
