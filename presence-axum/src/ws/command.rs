//! What clients ask for.

use super::Reference;
use crate::auth::{Action, Resource};
use bytes::Bytes;
use presence_core::broker::EventId;
use presence_core::{Activity, Message, Meta, SessionId, Status, Topic, Topics, UserId, Version};

/// A frame of a client, read by a [`Protocol`](super::Protocol).
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the answer carries back.
    pub reference: Option<Reference>,
    /// What it asks for.
    pub command: Command,
}

/// What a client asks for. `None` as a topic is everybody.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Binds a session to this socket.
    Enter {
        /// For whom; `None`: the caller.
        user: Option<UserId>,
        /// Which; `None`: one of this socket's own.
        session: Option<SessionId>,
        /// What is said of it.
        said: Said,
    },
    /// Says something of the session.
    Beat(Said),
    /// Ends the session.
    Leave {
        /// Without the grace.
        at_once: bool,
        /// Only in these topics; `None`: all of it.
        topics: Option<Vec<Topic>>,
    },
    /// Begins subscriptions.
    Subscribe(Vec<Wish>),
    /// Ends them.
    Unsubscribe(Vec<Option<Topic>>),
    /// Shows a short-lived value to the topic's other subscribers.
    Typing {
        /// The topic it is about.
        topic: Topic,
        /// The value, as JSON; `None` ends it.
        value: Option<Box<str>>,
    },
    /// Stores a message and delivers it.
    Publish {
        /// The topic it is about.
        topic: Topic,
        /// The message, as JSON.
        data: Bytes,
        /// The idempotency key, unique for the user and the topic.
        key: Option<Box<str>>,
    },
    /// Asks for a page of who is there.
    List {
        /// The topic; `None` stands for everyone.
        topic: Option<Topic>,
        /// The last user of the page before.
        after: Option<UserId>,
        /// At most this many.
        limit: usize,
    },
    /// Shows a newer token.
    Auth {
        /// The token.
        token: Token,
    },
    /// Asks for a sign of life.
    Ping,
}

/// What is said of a session; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Said {
    /// When the user was last active.
    pub activity: Option<Activity>,
    /// Where the session is.
    pub topics: Option<Topics>,
    /// A status, with words beside it.
    pub declares: Option<(Status, Option<Message>)>,
    /// What the host shows of the session.
    pub meta: Option<Meta>,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wish {
    /// To what; `None`: everybody.
    pub topic: Option<Topic>,
    /// The version of the topic that the client knows.
    pub version: Option<Version>,
    /// The last message that the client has seen.
    pub after: Option<EventId>,
    /// Whether counts will do.
    pub counts: bool,
    /// Whether messages and typing are wanted.
    pub messages: bool,
}

impl Wish {
    /// A topic from now on, with all that happens there.
    pub fn new(topic: Option<Topic>) -> Self {
        Self { topic, version: None, after: None, counts: false, messages: true }
    }
}

/// A token that came in band. It never shows in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Hides a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Command {
    /// What the caller must be allowed to do for it, one subscription apart, each of which is asked
    /// by itself.
    pub(super) fn asks(&self) -> Vec<(Action, Resource<'_>)> {
        match self {
            Self::Enter { said, .. } | Self::Beat(said) => {
                let topics = said.topics.iter().flat_map(Topics::names);
                topics.map(|topic| (Action::Enter, Resource::Topic(topic))).collect()
            }
            Self::Typing { topic, .. } => vec![(Action::Signal, Resource::Topic(topic))],
            Self::Publish { topic, .. } => vec![(Action::Publish, Resource::Topic(topic))],
            Self::List { topic, .. } => vec![(Action::Read, Resource::topic_or_everyone(topic.as_ref()))],
            _ => Vec::new(),
        }
    }
}
