//! Messages: as published, as stored and as delivered.

use super::Channel;
use crate::model::InvalidValue;
use crate::store::{Error, Kind, Result};
use crate::time::Timestamp;
use bytes::Bytes;
use std::fmt;
use std::str::FromStr;

/// The position of an event in its channel: `<incarnation>-<number>`, both in hexadecimal.
///
/// Within one incarnation, numbers increase, but not always by one. Ids of different incarnations
/// have no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Number of the channel's history. It differs after the history was lost or removed.
    pub incarnation: u64,
    /// The position in that history.
    pub number: u64,
}

impl EventId {
    /// The position before the first event of a channel that never had events. No event
    /// has this id.
    pub const BEGINNING: Self = Self { incarnation: 0, number: 0 };
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.incarnation, self.number)
    }
}

impl FromStr for EventId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidValue> {
        let invalid = InvalidValue::Shape {
            what: "event id",
            expected: "two hexadecimal numbers with a hyphen between",
        };
        let hex = |part: &str| {
            // `from_str_radix` also accepts a sign: one id would then have two spellings.
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(part, 16).ok()).flatten()
        };
        let (incarnation, number) = text.split_once('-').ok_or_else(|| invalid.clone())?;
        match (hex(incarnation), hex(number)) {
            (Some(incarnation), Some(number)) => Ok(Self { incarnation, number }),
            _ => Err(invalid),
        }
    }
}

/// Whether an event closes its channel. Exhaustive on purpose: there is no third kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Other events may follow it.
    Ordinary,
    /// The last event of its channel: it closes the channel.
    Last,
}

/// A message to be stored and delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publish {
    /// The channel to publish to.
    pub channel: Channel,
    /// The content: at most [`MAX_PAYLOAD`](super::MAX_PAYLOAD) bytes; a larger one is `Rejected`.
    pub payload: Bytes,
    /// The idempotency key: of several publishes with the same key in one channel, only the first
    /// is stored. At most [`MAX_KEY`](super::MAX_KEY) bytes.
    pub key: Option<Box<str>>,
    /// Whether it closes its channel.
    pub kind: EventKind,
}

impl Publish {
    /// A message without an idempotency key.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::broker::{Channel, Publish};
    /// let message = Publish::new(Channel::new("topic:lobby")?, r#"{"text":"hello"}"#).key("once");
    /// # let _ = message;
    /// # Ok(()) }
    /// ```
    pub fn new(channel: Channel, payload: impl Into<Bytes>) -> Self {
        Self { channel, payload: payload.into(), key: None, kind: EventKind::Ordinary }
    }

    /// Stores the message only if this key was not used in this channel before.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::broker::{Channel, Publish};
    /// let message = Publish::new(Channel::new("orders")?, "{}").key("order-7");
    /// # let _ = message;
    /// # Ok(()) }
    /// ```
    pub fn key(self, key: impl Into<Box<str>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Checks the limits, as every broker does before it stores an event.
    ///
    /// # Errors
    /// `Rejected` if the payload exceeds [`MAX_PAYLOAD`](super::MAX_PAYLOAD) or the key
    /// [`MAX_KEY`](super::MAX_KEY).
    pub fn check(&self) -> Result<()> {
        check_payload(&self.payload)?;
        if self.key.as_ref().is_some_and(|key| key.len() > super::MAX_KEY) {
            return Err(Error::new(Kind::Rejected, "the idempotency key is longer than 256 bytes"));
        }
        Ok(())
    }

    /// Closes the channel after this event.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::broker::{Channel, Publish};
    /// let message = Publish::new(Channel::new("job:7")?, r#"{"status":"completed"}"#).last();
    /// # let _ = message;
    /// # Ok(()) }
    /// ```
    pub fn last(self) -> Self {
        Self { kind: EventKind::Last, ..self }
    }
}

/// Checks the size of a payload, also that of a signal.
///
/// # Errors
/// `Rejected` if it exceeds [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
pub fn check_payload(payload: &[u8]) -> Result<()> {
    if payload.len() > super::MAX_PAYLOAD {
        return Err(Error::new(Kind::Rejected, "the payload is larger than 256 KiB"));
    }
    Ok(())
}

/// The outcome of a publish. Exhaustive on purpose: a publisher must handle all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The message is stored under this id.
    Stored(EventId),
    /// The idempotency key was used before, by the event with this id; nothing was stored.
    Repeated(EventId),
    /// The channel was closed by the event with this id; nothing was stored.
    Closed(EventId),
}

impl Published {
    /// The id of the stored event: the new one, or the earlier one with the same key, or the one
    /// that closed the channel.
    pub fn id(self) -> EventId {
        match self {
            Self::Stored(id) | Self::Repeated(id) | Self::Closed(id) => id,
        }
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its position in the channel.
    pub id: EventId,
    /// The channel.
    pub channel: Channel,
    /// The content that was published.
    pub payload: Bytes,
    /// When it was stored, by the server's clock; for display and retention, not for ordering.
    pub at: Timestamp,
    /// Whether it closed the channel.
    pub kind: EventKind,
}

impl Event {
    /// An event as a broker has stored it.
    pub fn new(id: EventId, channel: Channel, payload: Bytes, at: Timestamp) -> Self {
        Self { id, channel, payload, at, kind: EventKind::Ordinary }
    }

    /// The same event, of this kind.
    pub fn of_kind(self, kind: EventKind) -> Self {
        Self { kind, ..self }
    }
}

/// The position at which a subscription starts. Exhaustive on purpose: a broker serves every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With events published from now on.
    Live,
    /// Like `Live`, after a [`Delivery::Position`] that names the present position.
    Here,
    /// After this event. If events after it are lost, with `Missed` and then the oldest stored
    /// event. After [`EventId::BEGINNING`]: with the first event.
    After(EventId),
    /// With the newest `n` stored events. `Last(usize::MAX)` replays the whole history.
    Last(usize),
}

/// Why events cannot be replayed to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missed {
    /// The events after the given id were trimmed from the history.
    Trimmed,
    /// The history has another incarnation: the store lost its data, or the channel was removed or
    /// has expired.
    Incarnation,
    /// The subscriber read too slowly, and the events that it missed were trimmed meanwhile.
    Slow,
    /// The connection to the server was interrupted. A subscription by prefix cannot replay events.
    Interrupted,
}

/// What a subscription delivers. A subscriber skips what it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// A stored event.
    Event(Event),
    /// A message that was never stored, see [`Broker::signal`](super::Broker::signal).
    Signal {
        /// The channel.
        channel: Channel,
        /// The content.
        payload: Bytes,
    },
    /// Events before the next one cannot be replayed.
    Missed(Missed),
    /// The id of the newest event when the subscription began, or [`EventId::BEGINNING`]. A
    /// subscriber that is interrupted before its first event resumes after this id. The first
    /// delivery of a subscription from [`Start::Here`], and only of those.
    Position(EventId),
}
