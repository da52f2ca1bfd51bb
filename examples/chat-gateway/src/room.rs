//! Rooms: channels, and direct messages.

use presence_core::{InvalidValue, Topic};

/// A room: a channel or a direct message. Both kinds may have the same id. The topic is
/// `channel:<id>` or `dm:<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room<'a> {
    /// The kind of room.
    pub kind: Kind,
    /// The id that clients use: 1 to 256 bytes without control characters.
    pub id: &'a str,
}

/// The kinds of rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A room for many users.
    Channel,
    /// A room for two users, or a few.
    Direct,
}

/// The maximum length of a room id, in bytes.
const MAX_ID: usize = 256;
/// The prefixes of topics.
const PREFIXES: [(Kind, &str); 2] = [(Kind::Channel, "channel:"), (Kind::Direct, "dm:")];

impl<'a> Room<'a> {
    /// The channel and the direct message with this id. Other services name a room by its id only.
    pub fn both(id: &'a str) -> [Self; 2] {
        PREFIXES.map(|(kind, _)| Self { kind, id })
    }

    /// The room of a topic.
    pub fn of(topic: &'a Topic) -> Option<Self> {
        let known = |(kind, prefix)| Some(Self { kind, id: topic.as_str().strip_prefix(prefix)? });
        PREFIXES.into_iter().find_map(known)
    }

    /// The topic of the room.
    ///
    /// # Errors
    /// [`InvalidValue`] when the id is empty, too long, or holds a control character.
    pub fn topic(self) -> Result<Topic, InvalidValue> {
        if self.id.is_empty() {
            return Err(InvalidValue::Empty { what: "room" });
        }
        if self.id.len() > MAX_ID {
            return Err(InvalidValue::TooLong { what: "room", max: MAX_ID, unit: "bytes" });
        }
        let prefix = match self.kind {
            Kind::Channel => PREFIXES[0].1,
            Kind::Direct => PREFIXES[1].1,
        };
        Topic::new(format!("{prefix}{}", self.id))
    }

    /// The id, if it is a channel.
    pub fn channel_id(self) -> Option<&'a str> {
        (self.kind == Kind::Channel).then_some(self.id)
    }

    /// The id, if it is a direct message.
    pub fn dm_id(self) -> Option<&'a str> {
        (self.kind == Kind::Direct).then_some(self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_its_room_whatever_is_in_the_id() {
        for id in ["general", "channel:x", "dm:y", " é🎈:", "0"] {
            let topics = Room::both(id).map(|room| room.topic().unwrap());
            assert_ne!(topics[0], topics[1]);
            assert_eq!([Room::of(&topics[0]).unwrap(), Room::of(&topics[1]).unwrap()], Room::both(id));
        }
        assert_eq!(Room::of(&Topic::new("general").unwrap()), None);
    }

    #[test]
    fn an_id_has_bounds() {
        for id in ["", "a\nb", &"x".repeat(257)] {
            assert!(Room::both(id).into_iter().all(|room| room.topic().is_err()), "{id:?}");
        }
        assert!(Room::both(&"x".repeat(256)).into_iter().all(|room| room.topic().is_ok()));
    }
}
