//! What clients are told.

use super::Reference;
use presence_core::broker::{Event, EventId, Missed};
use presence_core::{Counts, Diff, Listing, SessionId, Snapshot, Timestamp, Topic, UserId, View};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Something that a client is told: an answer, or what happens in a topic. `None` as a topic is
/// everybody.
///
/// What happens in a topic is encoded once for all its subscribers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Update {
    /// The socket is open.
    Hello(Hello),
    /// The session is bound to the socket.
    Entered {
        /// That of the request.
        reference: Option<Reference>,
        /// For whom the socket speaks.
        user: UserId,
        /// Which session it holds.
        session: SessionId,
    },
    /// What was asked for is done.
    Done {
        /// That of the request.
        reference: Option<Reference>,
    },
    /// A subscription has begun.
    Subscribed {
        /// That of the request.
        reference: Option<Reference>,
        /// To what.
        topic: Option<Topic>,
        /// Whether it was asked to be told in counts.
        counts: bool,
        /// Whether it is told in counts because it is too large.
        large: bool,
    },
    /// A subscription has ended.
    Unsubscribed {
        /// That of the request.
        reference: Option<Reference>,
        /// To what it was.
        topic: Option<Topic>,
    },
    /// A message is stored.
    Published {
        /// That of the request.
        reference: Option<Reference>,
        /// The topic it is about.
        topic: Topic,
        /// Its place there.
        id: EventId,
        /// Whether it was stored before, under the same key.
        repeated: bool,
    },
    /// A page of who is there.
    Listed {
        /// That of the request.
        reference: Option<Reference>,
        /// The topic; `None` stands for everyone.
        topic: Option<Topic>,
        /// The page.
        listing: Listing,
        /// How many there are.
        counts: Counts,
    },
    /// A sign of life.
    Pong {
        /// That of the request.
        reference: Option<Reference>,
        /// The time here.
        at: Timestamp,
    },
    /// What was asked for is not done.
    Problem(Problem),
    /// The process goes.
    Reconnect {
        /// When the client should come back.
        after: Duration,
    },
    /// What is shown has become worth believing, or not.
    View(View),
    /// All who are in a topic.
    State {
        /// The topic; `None` stands for everyone.
        topic: Option<Topic>,
        /// The users who are there.
        snapshot: Arc<Snapshot>,
        /// Whether that is worth believing.
        view: View,
    },
    /// What changed in a topic.
    Diff {
        /// The topic; `None` stands for everyone.
        topic: Option<Topic>,
        /// The changes since the version that was told last.
        diff: Arc<Diff>,
    },
    /// How many are in a topic.
    Counts {
        /// The topic; `None` stands for everyone.
        topic: Option<Topic>,
        /// How many.
        counts: Counts,
        /// Whether that is told because the topic is too large for more.
        large: bool,
    },
    /// A short-lived value of a user in a topic.
    Typing {
        /// The topic it is about.
        topic: Topic,
        /// Who and what.
        typing: Typing,
    },
    /// A message.
    Message {
        /// The topic it is about.
        topic: Topic,
        /// As it is stored; see [`Said`](Envelope) for what sockets publish.
        event: Event,
    },
    /// Where the messages of a subscription without an id begin: a client that is interrupted before
    /// it has heard one comes back after this.
    Position {
        /// The topic it is about.
        topic: Topic,
        /// The newest message at that time, or [`EventId::BEGINNING`].
        id: EventId,
    },
    /// Messages before the next one cannot be had any more.
    Missed {
        /// The topic it is about.
        topic: Topic,
        /// The reason why events are missing.
        missed: Missed,
    },
}

/// What a client is told first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hello {
    /// The name of the connection, as it stands in the log.
    pub connection: SessionId,
    /// Who the caller is, if anybody is asked.
    pub user: Option<UserId>,
    /// The name to show.
    pub name: Option<String>,
    /// After how long without a frame the socket is closed.
    pub idle_for: Duration,
    /// The policy's window of activity.
    pub active_for: Duration,
    /// How long a session lives that nothing holds.
    pub lease_for: Duration,
    /// How long a typing value lives.
    pub typing_for: Duration,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// That of the request.
    pub reference: Option<Reference>,
    /// Of which topic, where it is about one.
    pub topic: Option<Topic>,
    /// A number as HTTP has it.
    pub code: u16,
    /// A few words.
    pub words: Cow<'static, str>,
}

impl Problem {
    /// A problem with a frame.
    pub fn new(code: u16, words: impl Into<Cow<'static, str>>) -> Self {
        Self { reference: None, topic: None, code, words: words.into() }
    }

    /// Names the request.
    pub fn of(self, reference: Option<Reference>) -> Self {
        Self { reference, ..self }
    }

    /// Names the topic.
    pub fn in_topic(self, topic: Option<Topic>) -> Self {
        Self { topic, ..self }
    }
}

impl From<crate::Error> for Problem {
    fn from(error: crate::Error) -> Self {
        Self::new(error.status().as_u16(), error.word().to_owned())
    }
}

/// A short-lived value, as it travels between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Typing {
    /// The id of the user.
    pub user: UserId,
    /// The name to show.
    pub name: String,
    /// The value, as JSON; `None` when it ends.
    pub value: Option<Box<str>>,
    /// For how many milliseconds, if nothing more is heard.
    #[serde(rename = "for")]
    pub lasts: u64,
    /// The connection that it comes from: it is not told of it.
    pub by: SessionId,
}

/// What a socket publishes, around the client's own data.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// The id of the user.
    #[serde(borrow)]
    pub user: Cow<'a, str>,
    /// The name to show.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The message, as JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}
