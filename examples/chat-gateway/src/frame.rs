//! The frames that clients receive.

use presence_core::Status;
use serde::Serialize;
use serde_json::value::RawValue;

/// A frame; `"type"` is its name in snake case.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// A subscription has begun.
    Subscribed(Ids<'a>),
    /// A subscription has ended.
    Unsubscribed(Ids<'a>),
    /// The users in a room.
    PresenceState {
        /// The channel; null for a direct message.
        channel_id: Option<&'a str>,
        /// The direct message; null for a channel.
        #[serde(skip_serializing_if = "Option::is_none")]
        dm_id: Option<&'a str>,
        /// The users in the room.
        users: Vec<User<'a>>,
        /// The number of users, in a room that is too large for a list.
        #[serde(skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// The status of a user has changed.
    Presence {
        /// The id of the user.
        user_id: &'a str,
        /// The name to show.
        username: &'a str,
        /// The new status.
        status: Status,
        /// When the change was noticed.
        timestamp: &'a str,
        /// The message beside the status.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    /// A user is typing.
    Typing {
        /// The room.
        #[serde(flatten)]
        room: Ids<'a>,
        /// The id of the user.
        user_id: &'a str,
        /// The name to show.
        username: &'a str,
    },
    /// A message.
    Message {
        /// The data as the publisher wrote it.
        data: &'a RawValue,
    },
    /// The answer to a ping.
    Pong {
        /// The time of the server.
        timestamp: &'a str,
    },
    /// A request was refused.
    Error {
        /// A short message.
        error: &'a str,
        /// A status code of HTTP.
        code: u16,
    },
}

/// The id of a room, in one of the two fields; the other is null.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ids<'a> {
    /// The id of a channel.
    pub channel_id: Option<&'a str>,
    /// The id of a direct message.
    pub dm_id: Option<&'a str>,
}

impl<'a> From<crate::Room<'a>> for Ids<'a> {
    fn from(room: crate::Room<'a>) -> Self {
        Self { channel_id: room.channel_id(), dm_id: room.dm_id() }
    }
}

/// A user as others see them.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub struct User<'a> {
    /// The id of the user.
    pub user_id: &'a str,
    /// The name to show.
    pub username: &'a str,
    /// `online`, `away`, `busy` or `offline`.
    pub status: Status,
    /// The message beside the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
}

impl<'a> User<'a> {
    /// A user who is online.
    pub fn of(member: &'a presence_core::Member) -> Self {
        Self {
            user_id: member.user.as_str(),
            username: crate::profile::name(member.meta.as_ref(), &member.user),
            status: member.status,
            message: member.message.as_ref().map(presence_core::Message::as_str),
        }
    }

    /// A user who is offline.
    pub fn offline(user_id: &'a str, username: &'a str) -> Self {
        Self { user_id, username, status: Status::Offline, message: None }
    }

    /// The fields whose change makes a new state.
    pub fn state(&self) -> impl std::hash::Hash + use<'a> {
        (self.username, self.status, self.message)
    }
}

impl<'a> Frame<'a> {
    /// A frame with the status of a user at this time.
    pub fn presence(user: User<'a>, timestamp: &'a str) -> Self {
        let User { user_id, username, status, message } = user;
        Self::Presence { user_id, username, status, timestamp, message }
    }

    /// The JSON text of the frame.
    pub fn text(&self) -> String {
        // Strings, numbers and valid JSON can always be serialised.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: User<'_> = User { user_id: "1", username: "Ada", status: Status::Away, message: None };
    const ROOM: Ids<'_> = Ids { channel_id: Some("c"), dm_id: None };

    #[test]
    fn frames_have_their_keys_in_the_order_of_the_contract() {
        let state = |ids: Ids<'static>| Frame::PresenceState {
            channel_id: ids.channel_id,
            dm_id: ids.dm_id,
            users: vec![],
            count: None,
        };
        let direct = Ids { channel_id: None, dm_id: Some("d") };
        let noon = "2024-03-09T12:00:00Z";
        for (frame, text) in [
            (Frame::Subscribed(ROOM), r#"{"type":"subscribed","channel_id":"c","dm_id":null}"#),
            (Frame::Unsubscribed(direct), r#"{"type":"unsubscribed","channel_id":null,"dm_id":"d"}"#),
            (state(ROOM), r#"{"type":"presence_state","channel_id":"c","users":[]}"#),
            (state(direct), r#"{"type":"presence_state","channel_id":null,"dm_id":"d","users":[]}"#),
            (
                Frame::presence(User { message: Some("tea"), ..ADA }, noon),
                r#"{"type":"presence","user_id":"1","username":"Ada","status":"away","timestamp":"2024-03-09T12:00:00Z","message":"tea"}"#,
            ),
            (
                Frame::Typing { room: ROOM, user_id: "1", username: "Ada" },
                r#"{"type":"typing","channel_id":"c","dm_id":null,"user_id":"1","username":"Ada"}"#,
            ),
            (Frame::Pong { timestamp: noon }, r#"{"type":"pong","timestamp":"2024-03-09T12:00:00Z"}"#),
            (Frame::Error { error: "e", code: 400 }, r#"{"type":"error","error":"e","code":400}"#),
        ] {
            assert_eq!(frame.text(), text);
        }
    }
}
