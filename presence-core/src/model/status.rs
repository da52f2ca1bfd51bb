//! Statuses that users declare: online, away, busy or offline, with a message.

use super::InvalidValue;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A declared, or an effective, status. Exhaustive on purpose: stores and wire formats encode each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Present and available.
    Online,
    /// Present, but not at the keyboard.
    Away,
    /// Present, and not to be disturbed.
    Busy,
    /// Shown as gone, whatever the sessions do.
    Offline,
}

impl Status {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = InvalidValue;
    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "online" => Ok(Self::Online),
            "away" => Ok(Self::Away),
            "busy" => Ok(Self::Busy),
            "offline" => Ok(Self::Offline),
            _ => Err(InvalidValue::Shape { what: "status", expected: "online, away, busy or offline" }),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The message beside a status: up to 256 characters, no control characters except tab
/// and line break.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Message(Box<str>);

impl Message {
    /// Greatest length, in characters.
    pub const MAX_CHARS: usize = 256;

    /// Checks a text.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::Message;
    /// assert_eq!(Message::new("at lunch")?.as_str(), "at lunch");
    /// assert!(Message::new("x".repeat(257)).is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is too long or contains a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidValue> {
        let text = text.into();
        // Bytes first, so that the characters of a very long text need not be counted.
        if text.len() > Self::MAX_CHARS * 4 || text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidValue::TooLong { what: "message", max: Self::MAX_CHARS, unit: "characters" });
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(InvalidValue::Control { what: "message" });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Message {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Message {
    type Error = InvalidValue;
    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        Self::new(text)
    }
}

impl TryFrom<String> for Message {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        Self::new(text)
    }
}

impl From<Message> for String {
    fn from(message: Message) -> Self {
        message.0.into()
    }
}

/// What a user declares: a status, perhaps with a message, until the session ends or until
/// a given time.
///
/// A [`Status`] converts to a declaration without a message.
///
/// ```
/// use presence_core::{Declaration, Message, Status};
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// let lunch = Declaration::new(Status::Away).message(Message::new("at lunch")?);
/// assert_eq!(Declaration::from(Status::Away).message, None);
/// # let _ = lunch;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Declaration {
    /// The status.
    pub status: Status,
    /// The message beside it. Default none.
    pub message: Option<Message>,
    /// When it stops counting. Default `None`: it counts until the session ends.
    pub until: Option<Timestamp>,
}

impl Declaration {
    /// Declares a status without a message, until the session ends.
    pub fn new(status: Status) -> Self {
        Self { status, message: None, until: None }
    }

    /// The stored form of this declaration, made at `at`.
    pub(crate) fn declared(self, at: Timestamp) -> Declared {
        let Self { status, message, until } = self;
        Declared { at, status, message, until }
    }

    /// Whether this repeats `known`: all but the time is equal.
    pub(crate) fn repeats(&self, known: &Declared) -> bool {
        (self.status, &self.message, self.until) == (known.status, &known.message, known.until)
    }
}

crate::setters! {
    Declaration {}
    optional { message: Message, until: Timestamp }
}

impl From<Status> for Declaration {
    fn from(status: Status) -> Self {
        Self::new(status)
    }
}

/// The last declaration of a session, as it is stored. Merged separately from the placement: the
/// newer one wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Declared {
    /// When it was declared.
    pub at: Timestamp,
    /// The status.
    pub status: Status,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// When it stops counting; `None`: when the session ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Declared {
    /// Whether it still counts at `now`.
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
