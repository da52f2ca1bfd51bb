//! The commands of clients.

use super::Reference;
use crate::auth::{Action, Resource};
use bytes::Bytes;
use presence_core::broker::EventId;
use presence_core::{Activity, Declaration, LeaveKind, Meta, SessionId, Topic, Topics, UserId, Version};

/// A frame of a client, read by a [`Protocol`](super::Protocol).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// Echoed in the response.
    pub reference: Option<Reference>,
    /// The command.
    pub command: Command,
}

impl Request {
    /// A request whose response has no reference.
    ///
    /// ```
    /// use presence_axum::ws::{Command, Request};
    /// let request = Request::new(Command::Ping);
    /// assert_eq!(request.reference, None);
    /// ```
    pub fn new(command: Command) -> Self {
        Self { reference: None, command }
    }

    /// Sets the reference, which the response repeats.
    ///
    /// ```
    /// use presence_axum::ws::{Command, Reference, Request};
    /// let request = Request::new(Command::Ping).reference(Reference::new("7"));
    /// assert_eq!(request.reference.unwrap().as_json(), "7");
    /// ```
    pub fn reference(self, reference: Option<Reference>) -> Self {
        Self { reference, ..self }
    }
}

/// A command of a client. `None` as a topic means all users.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Binds a session to this socket.
    Enter {
        /// The user of the session; `None`: the caller.
        user: Option<UserId>,
        /// The id of the session; `None`: the connection's own.
        session: Option<SessionId>,
        /// The fields of the session to set.
        fields: SessionFields,
    },
    /// Sets fields of the session.
    Beat(SessionFields),
    /// Ends the session, or leaves some of its topics.
    Leave {
        /// When others see it.
        kind: LeaveKind,
        /// The topics to leave; `None`: the whole session ends.
        topics: Option<Vec<Topic>>,
    },
    /// Begins subscriptions.
    Subscribe(Vec<SubscriptionRequest>),
    /// Ends subscriptions.
    Unsubscribe(Vec<Option<Topic>>),
    /// Shows a short-lived value to the other subscribers of the topic.
    Typing {
        /// The topic that it concerns.
        topic: Topic,
        /// The value, as JSON; `None` ends it before its time.
        value: Option<Box<str>>,
    },
    /// Stores a message and delivers it.
    Publish {
        /// The topic that it concerns.
        topic: Topic,
        /// The message, as JSON.
        data: Bytes,
        /// The idempotency key, unique for the user and the topic.
        key: Option<Box<str>>,
    },
    /// Queries a page of the users in a topic.
    List {
        /// The topic; `None` means all users.
        topic: Option<Topic>,
        /// The last user of the previous page.
        after: Option<UserId>,
        /// The maximum number of users in the page.
        limit: usize,
    },
    /// Authenticates by a new token.
    Auth {
        /// The token.
        token: Token,
    },
    /// Requests a `Pong`, which shows that the connection is alive.
    Ping,
}

/// Fields of a session to set. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SessionFields {
    /// When the user was last active.
    pub activity: Option<Activity>,
    /// The topics that the session is in.
    pub topics: Option<Topics>,
    /// A status with an optional message.
    pub declares: Option<Declaration>,
    /// Data of the host that is shown with the user.
    pub meta: Option<Meta>,
}

/// A subscription that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionRequest {
    /// The topic; `None`: everybody.
    pub topic: Option<Topic>,
    /// The version of the topic that the client already has.
    pub version: Option<Version>,
    /// The last message that the client has seen.
    pub after: Option<EventId>,
    /// How the users of the topic are shown.
    pub mode: Mode,
    /// Whether messages and typing are sent as well.
    pub content: Content,
}

/// How the users of a topic are shown to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// With their names, unless the topic is too [large](super::TopicSize::Large).
    #[default]
    List,
    /// As their number.
    Counts,
}

/// What a subscription to a topic delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Content {
    /// Presence, messages and typing.
    #[default]
    Everything,
    /// Presence without messages and typing.
    PresenceOnly,
}

impl SubscriptionRequest {
    /// A subscription without a known version, with names, messages and typing.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::ws::{Mode, SubscriptionRequest};
    /// let mut room = SubscriptionRequest::new(Some("lobby".parse()?));
    /// assert_eq!(room.mode, Mode::List);
    /// room.mode = Mode::Counts;
    /// # Ok(()) }
    /// ```
    pub fn new(topic: Option<Topic>) -> Self {
        Self { topic, version: None, after: None, mode: Mode::default(), content: Content::default() }
    }
}

/// A token that was sent in a frame. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    ///
    /// ```
    /// use presence_axum::ws::{Command, Token};
    /// let command = Command::Auth { token: Token::new("eyJhbGciOi...") };
    /// assert_eq!(format!("{command:?}"), "Auth { token: Token }");
    /// ```
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
    /// Whether the caller has to be permitted this. Other commands are executed at once.
    pub(super) fn needs_permission(&self) -> bool {
        match self {
            Self::Enter { .. } | Self::Subscribe(_) => true,
            command => !command.rights().is_empty(),
        }
    }

    /// The rights that the command needs. Permissions of subscriptions are checked per
    /// topic, see `pending::permitted`.
    pub(super) fn rights(&self) -> Vec<(Action, Resource<'_>)> {
        match self {
            Self::Enter { fields, .. } | Self::Beat(fields) => {
                let topics = fields.topics.iter().flat_map(Topics::names);
                topics.map(|topic| (Action::Enter, Resource::Topic(topic))).collect()
            }
            Self::Typing { topic, .. } => vec![(Action::Signal, Resource::Topic(topic))],
            Self::Publish { topic, .. } => vec![(Action::Publish, Resource::Topic(topic))],
            Self::List { topic, .. } => vec![(Action::Read, Resource::topic_or_everyone(topic.as_ref()))],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_concern_no_topic_need_no_permission() {
        let room: Topic = "room".parse().unwrap();
        let placed = SessionFields { topics: Topics::new([room.clone()]).ok(), ..SessionFields::default() };
        let typing = Command::Typing { topic: room.clone(), value: None };
        let publish = Command::Publish { topic: room.clone(), data: Bytes::new(), key: None };
        let list = Command::List { topic: None, after: None, limit: 1 };
        let enter = Command::Enter { user: None, session: None, fields: SessionFields::default() };
        for command in [Command::Beat(placed), typing, publish, list, enter, Command::Subscribe(Vec::new())] {
            assert!(command.needs_permission(), "{command:?}");
        }
        let leave = Command::Leave { kind: LeaveKind::Immediate, topics: Some(vec![room]) };
        for command in [Command::Beat(SessionFields::default()), Command::Ping, leave] {
            assert!(!command.needs_permission(), "{command:?}");
        }
    }
}
