//! Short-lived values of a user in a topic, such as "is typing".

use presence_core::{Presence, Status, Timestamp, Topic, UserId};
use std::time::Duration;

/// A value that a connection shows in a topic.
///
/// When the client repeats it, it is only prolonged here. It is sent to the other subscribers again
/// when it would end for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) topic: Topic,
    pub(super) value: Box<str>,
    /// The time when the value ends unless the client repeats it.
    ends_at: Timestamp,
    /// The time when the value ends for the other subscribers unless it is sent again.
    shown_until: Timestamp,
}

impl Typed {
    pub(super) fn new(topic: Topic, value: Box<str>, now: Timestamp, lasts: Duration) -> Self {
        Self { topic, value, ends_at: now + lasts, shown_until: now + lasts }
    }

    pub(super) fn repeat(&mut self, now: Timestamp, lasts: Duration) {
        self.ends_at = now + lasts;
    }

    /// The time when the value ends or must be sent to the others again.
    pub(super) fn due_at(&self) -> Timestamp {
        self.ends_at.min(self.shown_until)
    }

    /// Called at `due_at`: returns whether the value continues and must be sent to
    /// the others again.
    pub(super) fn show_again(&mut self, now: Timestamp, lasts: Duration) -> bool {
        self.shown_until = now + lasts;
        self.ends_at > now
    }
}

/// Whether a user appears offline although they have sessions.
pub(super) fn is_hidden(presence: &Presence, user: &UserId) -> bool {
    presence
        .user(user)
        .is_some_and(|person| person.member.status == Status::Offline && !person.member.sessions.is_empty())
}
