//! Calls of the broker's scripts, and the decoding of their answers.

use super::names::Names;
use crate::error::unexpected;
use crate::wire::reply::{list, text, tuple};
use crate::wire::script::Script;
use presence_core::Timestamp;
use presence_core::broker::hub::{PAGE_BYTES, PAGE_EVENTS, Page, ReadFrom};
use presence_core::broker::{
    Channel, Event, EventId, EventKind, KEYS_FOR, Missed, Publish, Published, Retention,
};
use presence_core::store::Result;
use redis::{Cmd, Value};
use std::sync::LazyLock;
use std::time::Duration;

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)*) => {
        $(pub static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("../lua/broker/", $file))),+)));)*
    };
}

scripts! {
    PUBLISH = "log.lua" "publish.lua";
    READ = "log.lua" "read.lua";
    REMOVE = "remove.lua";
    SIGNAL = "signal.lua";
    HELLO = "hello.lua";
}

/// How a repeated message is recognised.
pub enum Once {
    /// By its idempotency key, if it has one.
    Key,
    /// By a digest of its content, for this long.
    Content(String, Duration),
}

/// Builds calls for one namespace.
#[derive(Debug)]
pub struct Calls {
    pub names: Names,
    retention: Retention,
    /// The commands that announce an event: `SPUBLISH` on a cluster, and in addition `PUBLISH` for
    /// subscribers by pattern, which sharded channels do not have.
    commands: &'static str,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(1 << 50)
}

impl Calls {
    pub fn new(names: Names, retention: Retention, is_cluster: bool) -> Self {
        Self { names, retention, commands: if is_cluster { "SPUBLISH PUBLISH" } else { "PUBLISH" } }
    }

    /// Begins a call of a script that starts with `log.lua`: the keys of the channel, and the
    /// common arguments.
    fn of_log(&self, script: &Script, channel: &Channel, note: Option<&String>) -> Cmd {
        let mut call = script.begin(2 + usize::from(note.is_some()));
        call.arg(self.names.log(channel)).arg(self.names.meta(channel)).arg(note);
        let Retention { count, bytes, age, .. } = &self.retention;
        call.arg(format!("{:016x}", presence_core::random::u64())).arg(millis(*age)).arg(*count).arg(*bytes);
        call.arg(millis(KEYS_FOR)).arg(self.names.keys("key", channel));
        call.arg(self.commands).arg(self.names.pubsub(channel));
        call
    }

    /// The call that publishes a message. `witness` is the newest event of the channel that this
    /// process knows. `foreign` is the pub/sub channel on which other services get the payload.
    pub fn publish(
        &self,
        message: &Publish,
        once: &Once,
        witness: Option<EventId>,
        foreign: Option<&str>,
    ) -> Cmd {
        let Publish { channel, payload, key, kind, .. } = message;
        let (note, remember) = match once {
            Once::Key => (key.as_ref().map(|key| format!("{}{key}", self.names.keys("key", channel))), 0),
            Once::Content(digest, window) => {
                (Some(format!("{}{digest}", self.names.keys("heard", channel))), millis(*window))
            }
        };
        let mut call = self.of_log(&PUBLISH, channel, note.as_ref());
        let last = u8::from(*kind == EventKind::Last);
        call.arg(remember).arg(key.as_deref().unwrap_or_default()).arg(last).arg(&payload[..]);
        match witness {
            Some(id) => call.arg(format!("{:016x}", id.incarnation)).arg(id.number),
            None => call.arg("").arg(""),
        };
        call.arg(foreign.unwrap_or_default()).arg(super::foreign::MARK);
        call
    }

    /// The call that reads a page of history. `is_head` is set if `from` is an event that this
    /// process has seen as the newest one.
    pub fn read(&self, channel: &Channel, from: ReadFrom, is_head: bool) -> Cmd {
        let mut call = self.of_log(&READ, channel, None);
        match from {
            ReadFrom::Beginning => call.arg("beginning").arg("").arg(""),
            ReadFrom::After(id) => {
                let word = if is_head { "head" } else { "after" };
                call.arg(word).arg(format!("{:016x}", id.incarnation)).arg(id.number)
            }
            ReadFrom::Last(count) => call.arg("last").arg("").arg(count.min(1 << 40)),
        };
        call.arg(PAGE_EVENTS).arg(PAGE_BYTES);
        call
    }

    /// The call that deletes the history of a channel.
    pub fn remove(&self, channel: &Channel) -> Cmd {
        let mut call = REMOVE.begin(2);
        call.arg(self.names.log(channel)).arg(self.names.meta(channel));
        call
    }

    /// The call that publishes a message without storing it.
    pub fn signal(&self, channel: &Channel, payload: &[u8]) -> Cmd {
        let mut call = SIGNAL.begin(1);
        call.arg(self.names.pubsub(channel)).arg(self.commands).arg([b"signal\n", payload].concat());
        call
    }
}

/// Decodes the id of an event.
fn id(incarnation: &str, number: &str) -> Option<EventId> {
    Some(EventId { incarnation: u64::from_str_radix(incarnation, 16).ok()?, number: number.parse().ok()? })
}

/// The kind of an event, given the flag that is stored with it.
fn kind(last: &str) -> EventKind {
    if last == "1" { EventKind::Last } else { EventKind::Ordinary }
}

/// Makes an event. Its time is its number, in microseconds.
fn event(id: EventId, channel: &Channel, kind: EventKind, payload: Vec<u8>) -> Event {
    let at = Timestamp::from_millis(id.number / 1000);
    Event::new(id, channel.clone(), payload.into(), at).of_kind(kind)
}

/// Decodes the answer of `publish.lua`.
pub fn published(answer: Value) -> Result<Published> {
    let [what, incarnation, number] = tuple(answer, "what became of a publish")?;
    let read = || {
        let id = id(text(&incarnation)?, text(&number)?)?;
        Some(match text(&what)? {
            "stored" => Published::Stored(id),
            "repeated" => Published::Repeated(id),
            "closed" => Published::Closed(id),
            _ => return None,
        })
    };
    read().ok_or_else(|| unexpected("what became of a publish"))
}

/// Decodes the answer of `read.lua`.
pub fn page(answer: Value, channel: &Channel) -> Result<Page> {
    let mut values = list(answer, "a page of history")?.into_iter();
    let mut read = || {
        let (incarnation, position) = (values.next()?, values.next()?);
        let (missed, more) = (values.next()?, values.next()?);
        let incarnation = text(&incarnation)?;
        let missed = match text(&missed)? {
            "" => None,
            "trimmed" => Some(Missed::Trimmed),
            "incarnation" => Some(Missed::Incarnation),
            _ => return None,
        };
        if incarnation.is_empty() {
            return Some(Page { missed, ..Page::default() });
        }
        let mut events = Vec::with_capacity(values.len() / 3);
        while let (Some(number), Some(last), Some(payload)) = (values.next(), values.next(), values.next()) {
            let Value::BulkString(payload) = payload else { return None };
            events.push(event(id(incarnation, text(&number)?)?, channel, kind(text(&last)?), payload));
        }
        let position = id(incarnation, text(&position)?);
        Some(Page { missed, events, position, more: more == Value::Int(1) })
    };
    read().ok_or_else(|| unexpected("a page of history"))
}

/// A decoded announcement.
#[derive(Debug, PartialEq, Eq)]
pub enum Announced {
    /// An event, and the number of the one before it.
    Event(Event, u64),
    /// A message that is not stored.
    Signal(Vec<u8>),
    /// The history has a new incarnation from now on.
    Turn,
}

/// Decodes an announcement; `None` if it is not of this crate, since anybody can publish
/// to the channel.
pub fn announced(channel: &Channel, mut message: Vec<u8>) -> Option<Announced> {
    let end = message.iter().take(128).position(|byte| *byte == b'\n')?;
    let payload = message.split_off(end + 1);
    let head = std::str::from_utf8(&message).ok()?;
    let mut words = head.trim_end().split(' ');
    match words.next()? {
        "signal" => Some(Announced::Signal(payload)),
        "turn" => Some(Announced::Turn),
        "event" => {
            let id = id(words.next()?, words.next()?)?;
            let previous = words.next()?.parse().ok()?;
            Some(Announced::Event(event(id, channel, kind(words.next()?), payload), previous))
        }
        _ => None,
    }
}
