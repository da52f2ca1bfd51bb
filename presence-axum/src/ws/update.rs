//! The updates that clients get.

use super::{Mode, Reference};
use presence_core::broker::{Event, EventId, Missed, Published};
use presence_core::{Counts, Diff, Listing, SessionId, Snapshot, Timestamp, Topic, UserId, View};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// An update for a client: the response to a request, or an event of a topic. `None` as a topic
/// means all users.
///
/// An event of a topic is encoded once for all subscribers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Update {
    /// The socket is open.
    Hello(Hello),
    /// The session is bound to the socket.
    Entered {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The user of the session.
        user: UserId,
        /// The id of the session.
        session: SessionId,
    },
    /// The request was executed.
    Done {
        /// The reference of the request.
        reference: Option<Reference>,
    },
    /// A subscription has begun.
    Subscribed {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The topic.
        topic: Option<Topic>,
        /// How the client asked to see the users.
        mode: Mode,
        /// Whether the topic is too large for a list.
        size: TopicSize,
    },
    /// A subscription has ended.
    Unsubscribed {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The topic.
        topic: Option<Topic>,
    },
    /// A message is stored.
    Published {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The topic that it concerns.
        topic: Topic,
        /// The id of the message in the topic, and whether it was stored by this request or by an
        /// earlier one with the same key. Never [`Published::Closed`], which is a problem.
        published: Published,
    },
    /// A page of the users in a topic.
    Listed {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The topic; `None` means all users.
        topic: Option<Topic>,
        /// The page.
        listing: Listing,
        /// The counts of the whole topic.
        counts: Counts,
    },
    /// The response to a ping.
    Pong {
        /// The reference of the request.
        reference: Option<Reference>,
        /// The time of the server.
        at: Timestamp,
    },
    /// The request was refused, or the topic has a problem.
    Problem(Problem),
    /// This process shuts down.
    Reconnect {
        /// How long the client should wait before it reconnects.
        after: Duration,
    },
    /// The view of this process has become fresh or stale.
    View(View),
    /// All users of a topic.
    State {
        /// The topic; `None` means all users.
        topic: Option<Topic>,
        /// The users who are there.
        snapshot: Arc<Snapshot>,
        /// Whether the process receives updates from the store.
        view: View,
    },
    /// The changes in a topic.
    Diff {
        /// The topic; `None` means all users.
        topic: Option<Topic>,
        /// The changes since the previous version.
        diff: Arc<Diff>,
    },
    /// The number of users in a topic.
    Counts {
        /// The topic; `None` means all users.
        topic: Option<Topic>,
        /// The counts.
        counts: Counts,
        /// Whether they are sent because the topic is too large for a list.
        size: TopicSize,
    },
    /// A short-lived value of a user in a topic.
    Typing {
        /// The topic that it concerns.
        topic: Topic,
        /// The user and the value.
        typing: Typing,
    },
    /// A message in a topic.
    Message {
        /// The topic that it concerns.
        topic: Topic,
        /// The stored event; a socket publishes an [`Envelope`].
        event: Event,
    },
    /// The position in the topic's messages at which a subscription without `after` starts. A
    /// client that is interrupted before its first message resumes after this position.
    Position {
        /// The topic that it concerns.
        topic: Topic,
        /// The newest message at that time, or [`EventId::BEGINNING`].
        id: EventId,
    },
    /// Messages before the next one are no longer available.
    Missed {
        /// The topic that it concerns.
        topic: Topic,
        /// The reason why events are missing.
        missed: Missed,
    },
}

/// Whether the users of a topic can be sent as a list.
///
/// Exhaustive: each format handles both cases, and there is no third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TopicSize {
    /// The topic is small enough.
    #[default]
    Small,
    /// The topic has more users than [`Settings::large`](field@super::Settings::large), or their
    /// list is longer than 1 MiB. Counts are sent instead.
    Large,
}

impl TopicSize {
    /// Whether this is [`TopicSize::Large`].
    pub(super) fn is_large(self) -> bool {
        self == Self::Large
    }
}

/// The first update on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hello {
    /// The id of the connection, as in the log.
    pub connection: SessionId,
    /// The caller's user; `None` for guests and where callers are not identified.
    pub user: Option<UserId>,
    /// The name to show.
    pub name: Option<String>,
    /// The time without a frame after which the socket is closed.
    pub idle_for: Duration,
    /// How long a user is active after their last activity.
    pub active_for: Duration,
    /// How long a session lives after the connection was lost.
    pub lease_for: Duration,
    /// How long a typing value is shown unless it is repeated.
    pub typing_for: Duration,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The reference of the request.
    pub reference: Option<Reference>,
    /// The topic that it concerns, if any.
    pub topic: Option<Topic>,
    /// A status code of HTTP.
    pub code: u16,
    /// A short message.
    pub words: Cow<'static, str>,
}

impl Problem {
    /// A problem with this code and message.
    ///
    /// ```
    /// use presence_axum::ws::Problem;
    /// let problem = Problem::new(404, "no such room");
    /// assert_eq!(problem.code, 404);
    /// ```
    pub fn new(code: u16, words: impl Into<Cow<'static, str>>) -> Self {
        Self { reference: None, topic: None, code, words: words.into() }
    }

    /// Sets the reference of the request that has the problem.
    ///
    /// ```
    /// use presence_axum::ws::{Problem, Reference};
    /// let problem = Problem::new(404, "no such room").of(Reference::new("7"));
    /// assert_eq!(problem.reference, Reference::new("7"));
    /// ```
    pub fn of(self, reference: Option<Reference>) -> Self {
        Self { reference, ..self }
    }

    /// Sets the topic that has the problem.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_core::InvalidValue> {
    /// use presence_axum::ws::Problem;
    /// let problem = Problem::new(403, "forbidden").in_topic(Some("staff/1".parse()?));
    /// assert!(problem.topic.is_some());
    /// # Ok(()) }
    /// ```
    pub fn in_topic(self, topic: Option<Topic>) -> Self {
        Self { topic, ..self }
    }
}

impl From<crate::Error> for Problem {
    fn from(error: crate::Error) -> Self {
        Self::new(error.status().as_u16(), error.word().to_owned())
    }
}

/// A short-lived value in the format that processes exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Typing {
    /// The id of the user.
    pub user: UserId,
    /// The name to show.
    pub name: String,
    /// The value, as JSON; `None` when it ends.
    pub value: Option<Box<str>>,
    /// How many milliseconds the value is shown unless it is sent again.
    #[serde(rename = "for")]
    pub lasts: u64,
    /// The connection that sent it; it does not get the value back.
    pub by: SessionId,
}

/// A message as sockets publish it, with the client's own data inside.
///
/// A host that publishes one shows a message of a user on all sockets of the topic.
#[derive(Debug, Serialize, Deserialize)]
#[non_exhaustive]
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

impl<'a> Envelope<'a> {
    /// A message of this user.
    ///
    /// ```
    /// # fn main() -> serde_json::Result<()> {
    /// use presence_axum::ws::Envelope;
    /// let data = serde_json::value::to_raw_value(&"hello")?;
    /// let payload = serde_json::to_string(&Envelope::new("7", "Ada", &data))?;
    /// assert_eq!(payload, r#"{"user":"7","name":"Ada","data":"hello"}"#);
    /// # Ok(()) }
    /// ```
    pub fn new(user: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>, data: &'a RawValue) -> Self {
        Self { user: user.into(), name: name.into(), data }
    }
}
