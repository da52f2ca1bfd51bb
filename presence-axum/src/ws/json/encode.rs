//! Encodes updates for clients.

use crate::wire::{self, CountsBody};
use crate::ws::{Envelope, Hello, Mode, Problem, Reference, Update};
use presence_core::broker::{self, Missed};
use presence_core::{Topic, UserId};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Duration;

/// The JSON text of an update; `None` for an update that this format does not express.
pub(super) fn text(update: &Update) -> Option<String> {
    let text = match update {
        Update::Hello(hello) => hello_text(hello),
        Update::Entered { reference, user, session } => {
            let (user, session) = (user.as_str(), session.as_str());
            frame("entered", reference.as_ref(), &Entered { user, session })
        }
        Update::Done { reference } => frame("ok", reference.as_ref(), &Nothing {}),
        Update::Subscribed { reference, topic, mode, size } => {
            let mode = if *mode == Mode::Counts || size.is_large() { "counts" } else { "list" };
            let subscribed = Subscribed { topic: topic.as_ref(), mode, large: size.is_large() };
            frame("subscribed", reference.as_ref(), &subscribed)
        }
        Update::Unsubscribed { reference, topic } => {
            frame("unsubscribed", reference.as_ref(), &In { topic: topic.as_ref(), what: Nothing {} })
        }
        Update::Published { reference, topic, published } => {
            let repeated = matches!(published, broker::Published::Repeated(_));
            let what = Published { id: published.id().to_string(), repeated };
            frame("published", reference.as_ref(), &In { topic: Some(topic), what })
        }
        Update::Listed { reference, topic, listing, counts } => {
            let what = wire::ListBody::of(listing, *counts);
            frame("list", reference.as_ref(), &In { topic: topic.as_ref(), what })
        }
        Update::Pong { reference, at } => frame("pong", reference.as_ref(), &Pong { ts: at.as_millis() }),
        Update::Problem(problem) => problem_text(problem),
        Update::Reconnect { after } => frame("reconnect", None, &Reconnect { after: millis(*after) }),
        Update::View(view) => frame("presence_view", None, &wire::view(*view)),
        Update::State { topic, snapshot, view } => {
            let what = wire::state(snapshot, *view);
            frame("presence_state", None, &In { topic: topic.as_ref(), what })
        }
        Update::Diff { topic, diff } => {
            frame("presence_diff", None, &In { topic: topic.as_ref(), what: wire::diff(diff) })
        }
        Update::Counts { topic, counts, size } => {
            let what = Large { counts: CountsBody::from(*counts), large: size.is_large() };
            frame("presence_counts", None, &In { topic: topic.as_ref(), what })
        }
        Update::Typing { topic, typing } => {
            // An invalid value was not sent by a socket.
            let value = typing.value.as_deref().map(serde_json::from_str::<&RawValue>);
            let value = value.transpose().ok()?;
            let (user, name) = (typing.user.as_str(), &*typing.name);
            let what = Typing { user, name, value, lasts: typing.lasts };
            frame("typing", None, &In { topic: Some(topic), what })
        }
        Update::Message { topic, event } => {
            let (id, at) = (event.id.to_string(), event.at.as_millis());
            let envelope = serde_json::from_slice::<Envelope<'_>>(&event.payload);
            let what = match &envelope {
                Ok(Envelope { user, name, data }) => {
                    Message { id, at, user: Some(user), name: Some(name), data: Data::Json(data) }
                }
                // The host may publish anything: JSON or plain text.
                Err(_) => Message { id, at, user: None, name: None, data: Data::of(&event.payload) },
            };
            frame("message", None, &In { topic: Some(topic), what })
        }
        Update::Position { topic, id } => {
            frame("position", None, &In { topic: Some(topic), what: Position { id: id.to_string() } })
        }
        Update::Missed { topic, missed } => {
            let reason = match missed {
                Missed::Trimmed => "trimmed",
                Missed::Slow | Missed::Interrupted => "slow",
                _ => "incarnation",
            };
            frame("missed", None, &In { topic: Some(topic), what: Why { reason } })
        }
    };
    text.inspect_err(|error| tracing::error!(%error, "a frame could not be serialised")).ok()
}

type Text = serde_json::Result<String>;

/// `{"type":<kind>,"ref":<reference>,..}`
fn frame(kind: &'static str, reference: Option<&Reference>, rest: &impl Serialize) -> Text {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(br#"{"type":""#);
    text.extend_from_slice(kind.as_bytes());
    text.push(b'"');
    if let Some(reference) = reference {
        text.extend_from_slice(br#","ref":"#);
        text.extend_from_slice(reference.as_json().as_bytes());
    }
    let head = text.len();
    serde_json::to_writer(&mut text, rest)?;
    // Joins both objects: the opening brace of `rest` becomes the comma, unless `rest` is empty.
    if text[head..] == *b"{}" {
        text.truncate(head);
        text.push(b'}');
    } else {
        text[head] = b',';
    }
    String::from_utf8(text).map_err(serde_json::Error::custom)
}

fn hello_text(hello: &Hello) -> Text {
    #[derive(Serialize)]
    struct Wire<'a> {
        connection: &'a str,
        user: Option<&'a str>,
        name: Option<&'a str>,
        idle_for: u64,
        active_for: u64,
        lease_for: u64,
        typing_for: u64,
    }
    let wire = Wire {
        connection: hello.connection.as_str(),
        user: hello.user.as_ref().map(UserId::as_str),
        name: hello.name.as_deref(),
        idle_for: millis(hello.idle_for),
        active_for: millis(hello.active_for),
        lease_for: millis(hello.lease_for),
        typing_for: millis(hello.typing_for),
    };
    frame("hello", None, &wire)
}

fn problem_text(problem: &Problem) -> Text {
    #[derive(Serialize)]
    struct Wire<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<&'a Topic>,
        code: u16,
        error: &'a str,
    }
    let wire = Wire { topic: problem.topic.as_ref(), code: problem.code, error: &problem.words };
    frame("error", problem.reference.as_ref(), &wire)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Adds the topic to the fields of `what`: `{"topic",..}`.
#[derive(Serialize)]
struct In<'a, T> {
    topic: Option<&'a Topic>,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Entered<'a> {
    user: &'a str,
    session: &'a str,
}

#[derive(Serialize)]
struct Subscribed<'a> {
    topic: Option<&'a Topic>,
    mode: &'static str,
    large: bool,
}

#[derive(Serialize)]
struct Published {
    id: String,
    repeated: bool,
}

#[derive(Serialize)]
struct Pong {
    ts: u64,
}

#[derive(Serialize)]
struct Reconnect {
    #[serde(rename = "in")]
    after: u64,
}

#[derive(Serialize)]
struct Large {
    #[serde(flatten)]
    counts: CountsBody,
    large: bool,
}

#[derive(Serialize)]
struct Typing<'a> {
    user: &'a str,
    name: &'a str,
    value: Option<&'a RawValue>,
    #[serde(rename = "for")]
    lasts: u64,
}

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    at: u64,
    user: Option<&'a str>,
    name: Option<&'a str>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Position {
    id: String,
}

#[derive(Serialize)]
struct Why {
    reason: &'static str,
}

/// The data of a message.
enum Data<'a> {
    Json(&'a RawValue),
    Text(Cow<'a, str>),
}

impl<'a> Data<'a> {
    fn of(payload: &'a [u8]) -> Self {
        serde_json::from_slice(payload)
            .map_or_else(|_| Self::Text(String::from_utf8_lossy(payload)), Self::Json)
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => json.serialize(to),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}
