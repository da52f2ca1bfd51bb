//! Messages in the formats of other services and of the rooms.

use crate::Room;
use crate::frame::Frame;
use presence_core::broker::MAX_PAYLOAD;
use presence_core::{Topic, UserId};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A message for a room: `{"room_id":"general","data":{..}}`, or
/// `{"room_id":"general","type":..,..}` with a frame of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The topics of the channel and of the direct message with this id.
    pub topics: [Topic; 2],
    /// The stored payload: see [`stored`](Self::stored).
    pub payload: String,
}

impl Broadcast {
    /// Reads a message of another service; `None` if it is not valid.
    ///
    /// An object with a `type` is a frame and is forwarded without `room_id`. Otherwise the data of
    /// a `message` is the object in `data`, or else in `message`, or else all other fields
    /// together. The author is in `user_id`.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok().filter(|text| text.len() <= MAX_PAYLOAD)?;
        let Fields(fields) = serde_json::from_str(text).ok()?;
        let field = |name: &str| fields.iter().rev().find(|(known, _)| known == name).map(|(_, raw)| *raw);
        let room: String = string(field("room_id")?)?;
        let object = |raw: &&RawValue| raw.get().starts_with('{');
        let rest = || {
            let rest = fields.iter().filter(|(name, _)| name != "room_id");
            let rest: Vec<_> = rest.map(|(name, raw)| format!("{}:{raw}", serde_json::json!(name))).collect();
            (!rest.is_empty()).then(|| format!("{{{}}}", rest.join(",")))
        };
        let is_frame = |text: &str| {
            let fields = serde_json::from_str::<Fields<'_>>(text);
            fields.is_ok_and(|Fields(fields)| {
                fields.iter().any(|(name, raw)| name == "type" && string(raw).is_some())
            })
        };
        let wrapped = field("data").filter(object).or_else(|| field("message").filter(object));
        let (frame, data) = match (field("type").and_then(string), wrapped) {
            (Some(_), _) => (rest()?, field("data").filter(object).map(|data| data.get().to_owned())),
            (None, Some(frame)) if field("data").is_none() && is_frame(frame.get()) => {
                (frame.get().to_owned(), Some(frame.get().to_owned()))
            }
            (None, Some(data)) => (Frame::Message { data }.text(), Some(data.get().to_owned())),
            (None, None) => {
                let data = rest()?;
                (format!(r#"{{"type":"message","data":{data}}}"#), Some(data))
            }
        };
        let author = data.as_deref().and_then(author).or_else(|| author(text)).unwrap_or_default();
        let [channel, direct] = Room::both(&room);
        Some(Self {
            topics: [channel.topic().ok()?, direct.topic().ok()?],
            payload: format!("{author}\n{frame}"),
        })
    }

    /// Splits a stored payload into the author and the frame: a line with the author, which may be
    /// empty, and then the frame.
    pub fn stored(payload: &[u8]) -> Option<(Option<UserId>, &str)> {
        let (author, frame) = std::str::from_utf8(payload).ok()?.split_once('\n')?;
        Some((UserId::new(author).ok(), frame))
    }
}

/// The user id in an object, if any.
fn author(object: &str) -> Option<String> {
    let Fields(fields) = serde_json::from_str(object).ok()?;
    let (_, raw) = fields.iter().rev().find(|(name, _)| name == "user_id")?;
    string(raw).filter(|user| UserId::new(user).is_ok())
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The fields of an object with their original text, in order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Option<(String, String)> {
        let broadcast = Broadcast::read(payload.as_bytes())?;
        assert_eq!(broadcast.topics.each_ref().map(Topic::as_str), ["channel:r", "dm:r"]);
        let (author, frame) = Broadcast::stored(broadcast.payload.as_bytes()).unwrap();
        Some((author.map(|user| user.to_string()).unwrap_or_default(), frame.to_owned()))
    }

    fn read_as(author: &str, frame: &str) -> (String, String) {
        (author.to_owned(), frame.to_owned())
    }

    #[test]
    fn data_is_wrapped_as_a_message_and_kept_to_the_digit() {
        let data = r#"{"message_id":"m","content":"a\nb","user_id":"u","n":1.0e2, "z":[1,2]}"#;
        let frame = format!(r#"{{"type":"message","data":{data}}}"#);
        assert_eq!(read(&format!(r#"{{"room_id":"r","data":{data}}}"#)).unwrap(), read_as("u", &frame));
        assert_eq!(
            read(&format!(r#"{{"data":{data},"sent_by":"x","room_id":"r"}}"#)).unwrap(),
            read_as("u", &frame)
        );
        assert_eq!(read(&format!(r#"{{"room_id":"r","message":{data}}}"#)).unwrap(), read_as("u", &frame));
    }

    #[test]
    fn a_frame_is_forwarded_without_the_room_id() {
        let frame = r#"{"type":"reaction","emoji":"🎈","message_id":"m"}"#;
        let whole = r#"{"room_id":"r","type":"reaction","emoji":"🎈","message_id":"m"}"#;
        assert_eq!(read(whole).unwrap(), read_as("", frame));
        assert_eq!(read(&format!(r#"{{"room_id":"r","message":{frame}}}"#)).unwrap(), read_as("", frame));
        let message = r#"{"type":"message","data":{"user_id":"u"}}"#;
        assert_eq!(
            read(r#"{"type":"message","room_id":"r","data":{"user_id":"u"}}"#).unwrap(),
            read_as("u", message)
        );
    }

    #[test]
    fn other_fields_are_the_data() {
        let frame = r#"{"type":"message","data":{"content":"hi","user_id":"u"}}"#;
        assert_eq!(read(r#"{"room_id":"r","content":"hi","user_id":"u"}"#).unwrap(), read_as("u", frame));
    }

    #[test]
    fn a_payload_without_a_room_or_content_is_no_message() {
        for payload in [
            "",
            "hello",
            "[]",
            r#"{"data":{}}"#,
            r#"{"room_id":"r"}"#,
            r#"{"room_id":7,"data":{}}"#,
            r#"{"room_id":"","data":{}}"#,
            r#"{"room_id":"r","data":{}"#,
        ] {
            assert_eq!(read(payload), None, "{payload}");
        }
        assert_eq!(Broadcast::read(b"{\"room_id\":\"\xff\",\"data\":{}}"), None);
        let long = format!(r#"{{"room_id":"r","data":{{"x":"{}"}}}}"#, "x".repeat(MAX_PAYLOAD));
        assert_eq!(Broadcast::read(long.as_bytes()), None);
    }

    #[test]
    fn an_author_that_is_no_user_id_is_ignored() {
        let frame = r#"{"type":"message","data":{"user_id":"a\nb"}}"#;
        assert_eq!(read(r#"{"room_id":"r","data":{"user_id":"a\nb"}}"#).unwrap(), read_as("", frame));
    }
}
