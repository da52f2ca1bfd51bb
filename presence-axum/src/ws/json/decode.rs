//! Decodes the frames of clients.

use crate::lenient_json::fields;
use crate::wire::{fields_of, invalid, leave_kind, session_name, topics_of, user_name, wrong};
use crate::ws::{
    Command, Content, Mode, Problem, Reference, Request, SessionFields, SubscriptionRequest, Token,
};
use crate::{Error, Json};
use bytes::Bytes;
use presence_core::Topic;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// The maximum size of a typing value, in bytes of JSON.
const MAX_VALUE: usize = 1024;
/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 128;
/// The maximum number of users in a page.
const MAX_LIMIT: u64 = 1_000;
/// The maximum length of a list of subscriptions; each entry is checked and answered separately.
const MAX_ENTRIES: usize = 256;

/// The types of frames that clients send.
pub(super) const TYPES: [&str; 10] =
    ["enter", "beat", "leave", "subscribe", "unsubscribe", "typing", "publish", "list", "auth", "ping"];

/// Reads a frame.
pub(super) fn request(text: &str) -> Result<Request, Problem> {
    // The fields of a heartbeat, the most frequent frame, are read in the same pass.
    let [kind, reference, idle, topics, status, message, meta] =
        fields(text, ["type", "ref", "idle_ms", "topics", "status", "message", "meta"])
            .map_err(Error::from)?;
    let session_fields = || {
        let (activity, topics, declares, meta) = fields_of(&idle, &topics, &status, message, &meta)?;
        Ok(SessionFields { activity, topics, declares, meta })
    };
    let reference = reference_of(&reference)?;
    let kind = match &kind {
        Json::Text(kind) => kind.as_ref(),
        _ => "",
    };
    match command(kind, text, session_fields) {
        Ok(command) => Ok(Request::new(command).reference(reference)),
        Err(error) => Err(Problem::from(error).of(reference)),
    }
}

fn reference_of(reference: &Json<'_>) -> Result<Option<Reference>, Problem> {
    let json = match reference {
        Json::Null => return Ok(None),
        Json::Text(text) if text.len() <= 64 => serde_json::to_string(text).ok(),
        Json::Number(number) => number.as_str().parse::<i64>().ok().map(|number| number.to_string()),
        _ => None,
    };
    // A string of 64 bytes may take more bytes in JSON because of escapes.
    let reference = json.and_then(Reference::new);
    reference.map(Some).ok_or_else(|| Problem::new(400, "invalid ref"))
}

fn command(
    kind: &str,
    text: &str,
    session_fields: impl FnOnce() -> Result<SessionFields, Error>,
) -> Result<Command, Error> {
    // The check makes sure that the list of types is complete.
    if !TYPES.contains(&kind) {
        return invalid("type");
    }
    Ok(match kind {
        "enter" => {
            let [user, session] = fields(text, ["user", "session"])?;
            let user = if matches!(user, Json::Null) { None } else { Some(user_name(&user)?) };
            let session = if matches!(session, Json::Null) { None } else { Some(session_name(&session)?) };
            Command::Enter { user, session, fields: session_fields()? }
        }
        "beat" => Command::Beat(session_fields()?),
        "leave" => {
            let [topics, now] = fields(text, ["topics", "now"])?;
            let topics = topics_of(&topics)?;
            let kind = leave_kind(&now)?;
            let topics = topics.map(|topics| topics.names().cloned().collect::<Vec<_>>());
            if topics.as_ref().is_some_and(Vec::is_empty) {
                return Err(Error::bad_request("no topics")); // not taken for "all of them"
            }
            Command::Leave { kind, topics }
        }
        "subscribe" => {
            let [topics] = fields(text, ["topics"])?;
            let subscriptions =
                list(&topics)?.iter().map(|entry| subscription(entry)).collect::<Result<_, _>>()?;
            Command::Subscribe(once(subscriptions, |subscription: &SubscriptionRequest| &subscription.topic))
        }
        "unsubscribe" => {
            let [topics] = fields(text, ["topics"])?;
            let topics = list(&topics)?;
            let topics =
                topics.iter().map(|entry| topic_of(&Json::from(*entry))).collect::<Result<_, _>>()?;
            Command::Unsubscribe(once(topics, |topic| topic))
        }
        "typing" => {
            let [topic, value] = raw(text, ["topic", "value"])?;
            let value = value.map_or("true", RawValue::get);
            if value.len() > MAX_VALUE {
                return Err(too_large("value"));
            }
            let value = (!matches!(value, "null" | "false")).then(|| value.into());
            Command::Typing { topic: named(topic)?, value }
        }
        "publish" => {
            let [topic, data, key] = raw(text, ["topic", "data", "key"])?;
            let data = data.ok_or_else(|| Error::bad_request("no data"))?;
            let key = match key.map_or(Json::Null, Json::from) {
                Json::Null => None,
                Json::Text(key) if (1..=MAX_KEY).contains(&key.len()) => Some(Box::from(key)),
                _ => return invalid("key"),
            };
            let data = Bytes::copy_from_slice(data.get().as_bytes());
            Command::Publish { topic: named(topic)?, data, key }
        }
        "list" => {
            let [topic, limit, cursor] = fields(text, ["topic", "limit", "cursor"])?;
            let limit = match limit {
                Json::Null => Some(100),
                Json::Number(limit) => limit.whole().filter(|limit| (1..=MAX_LIMIT).contains(limit)),
                _ => None,
            };
            let limit = limit.and_then(|limit| usize::try_from(limit).ok()).ok_or_else(|| wrong("limit"))?;
            let after = match cursor {
                Json::Null => None,
                cursor => Some(user_name(&cursor).map_err(|_| wrong("cursor"))?),
            };
            Command::List { topic: topic_of(&topic)?, after, limit }
        }
        "auth" => match fields(text, ["token"])? {
            [Json::Text(token)] => Command::Auth { token: Token::new(token) },
            _ => return invalid("token"),
        },
        "ping" => Command::Ping,
        _ => return invalid("type"),
    })
}

/// The entries of a required list. The session limits how many topics a socket may have.
fn list<'a>(list: &Json<'a>) -> Result<Vec<&'a RawValue>, Error> {
    let entries: Vec<&RawValue> = match list {
        Json::Array(text) => serde_json::from_str(text).map_err(|_| wrong("topics"))?,
        _ => return invalid("topics"),
    };
    if entries.len() > MAX_ENTRIES {
        return Err(Error::bad_request("too many topics"));
    }
    Ok(entries)
}

/// Keeps the last entry of each topic, in order: a small frame must not ask for the same
/// state many times.
fn once<T>(mut entries: Vec<T>, topic: impl Fn(&T) -> &Option<Topic>) -> Vec<T> {
    let mut seen = HashSet::new();
    entries.reverse();
    entries.retain(|entry| seen.insert(topic(entry).clone()));
    entries.reverse();
    entries
}

fn subscription(entry: &RawValue) -> Result<SubscriptionRequest, Error> {
    let Json::Object(text) = Json::from(entry) else {
        return Ok(SubscriptionRequest::new(topic_of(&Json::from(entry))?));
    };
    let [topic, version, after, counts, messages] =
        fields(text, ["topic", "version", "after", "counts", "messages"])?;
    let flag = |json: &Json<'_>, name, default| match json {
        Json::Null => Ok(default),
        Json::Bool(flag) => Ok(*flag),
        _ => invalid(name),
    };
    Ok(SubscriptionRequest {
        topic: topic_of(&topic)?,
        // An unknown or malformed version gets a full state, like one that is too old.
        version: text_of(&version).and_then(|version| version.parse().ok()),
        after: match &after {
            Json::Null => None,
            after => Some(text_of(after).and_then(|id| id.parse().ok()).ok_or_else(|| wrong("after"))?),
        },
        mode: if flag(&counts, "counts", false)? { Mode::Counts } else { Mode::List },
        content: if flag(&messages, "messages", true)? { Content::Everything } else { Content::PresenceOnly },
    })
}

fn text_of<'a>(json: &'a Json<'_>) -> Option<&'a str> {
    match json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

fn topic_of(topic: &Json<'_>) -> Result<Option<Topic>, Error> {
    match topic {
        Json::Null => Ok(None),
        Json::Text(name) => Topic::new(name).map(Some).map_err(|_| wrong("topic")),
        _ => invalid("topic"),
    }
}

/// A required topic.
fn named(topic: Option<&RawValue>) -> Result<Topic, Error> {
    let topic = topic.map_or(Json::Null, Json::from);
    topic_of(&topic)?.ok_or_else(|| Error::bad_request("no topic"))
}

/// The raw fields, so that an absent field differs from `null`.
fn raw<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Result<[Option<&'a RawValue>; N], Error> {
    Ok(crate::lenient_json::raw_fields(text, names)?)
}

fn too_large(what: &str) -> Error {
    Error::new(http::StatusCode::PAYLOAD_TOO_LARGE, format!("{what} is too large"))
}
