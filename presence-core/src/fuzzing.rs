//! Fuzz targets for the parsers of foreign input, used by `fuzz/` and, on stable Rust, by
//! the tests below.
//!
//! Each function takes any bytes, and returns whether they are valid. It panics only if a property
//! is violated.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a broken promise panics")]

use crate::broker::{Channel, EventId};
use crate::store::{Session, UserRecord};
use crate::{NodeId, SessionId, Topic, UserId, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Sessions as stores keep them, as JSON. A session that can be read is the same after writing and
/// reading it again, and merging it with itself changes nothing.
pub fn sessions(data: &[u8]) -> bool {
    let Some(session) = read::<Session>(data) else { return false };
    let mut merged = session.clone();
    assert!(!merged.merge(&session));
    assert_eq!(merged, session);
    true
}

/// User records as JSON. The same holds, once the erasure has cleared the fields that it covers.
pub fn users(data: &[u8]) -> bool {
    let Some(record) = read::<UserRecord>(data) else { return false };
    let mut merged = record.clone();
    merged.merge(&record);
    assert!(!merged.merge(&record));
    true
}

fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let again: T = serde_json::from_slice(&serde_json::to_vec(&value).unwrap()).unwrap();
    assert_eq!(again, value);
    Some(value)
}

/// Names and numbers that clients send. Accepted ones are within their limits, and are written as
/// they were read.
pub fn names(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let taken = [
        UserId::new(text).is_ok_and(|id| id.as_str() == text && text.len() <= UserId::MAX_BYTES),
        SessionId::new(text).is_ok_and(|id| id.as_str() == text && text.len() <= SessionId::MAX_BYTES),
        NodeId::new(text).is_ok_and(|id| id.as_str() == text && text.len() <= NodeId::MAX_BYTES),
        Topic::new(text).is_ok_and(|topic| topic.as_str() == text && text.len() <= Topic::MAX_BYTES),
        Channel::new(text).is_ok_and(|channel| channel.as_str() == text),
    ];
    assert!(!taken.contains(&true) || !text.chars().any(char::is_control));
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    taken.contains(&true)
}

#[cfg(test)]
mod tests {
    use crate::conformance::mutations;

    #[test]
    fn almost_valid_sessions_are_refused_or_read_unchanged() {
        let placement = r#"{"placed_at":1700000000000,"left":{"at":5,"ends_at":7},"node":"web-1~9f","held":true,"lease":60000,"topics":[{"topic":"a"},{"topic":"b","until":3}],"meta":{"x":1.5}}"#;
        let session = format!(
            r#"{{"user":"ada","id":"tab","placement":{placement},"declared":{{"at":3,"status":"away","message":"tea","until":9}},"seen_at":3,"active_at":2}}"#
        );
        mutations(&[session.as_bytes()], super::sessions);
    }

    #[test]
    fn almost_valid_user_records_are_refused_or_read_unchanged() {
        let erased = r#"{"user":"ada","seen_at":9,"erased_at":7,"block":{"at":1,"until":2,"session":"tab"}}"#;
        mutations(&[erased.as_bytes(), br#"{"user":"ada"}"#], super::users);
    }

    #[test]
    fn almost_valid_names_are_refused_or_read_unchanged() {
        let long = "é".repeat(128);
        let examples = ["/pricing?plan=2", "0123456789abcdef-17", "1f-2a", &long];
        mutations(&examples.map(str::as_bytes), super::names);
    }
}
