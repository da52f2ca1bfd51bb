//! The scopes that a caller asks for in one stream.

use crate::query::decode;
use crate::{Error, Json, LenientJson};
use presence_core::{Scope, Topic, UserId, Version};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of topics with members, and of topics with counts, in one stream.
const MAX_TOPICS: usize = 64;
/// The maximum number of users in one stream.
const MAX_USERS: usize = 1_000;

/// The scopes, each with the version that the caller already has, if any. A topic is in at most one
/// of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) topics: BTreeMap<Topic, Option<Version>>,
    pub(super) everyone: bool,
    pub(super) everyone_after: Option<Version>,
    pub(super) users: BTreeSet<UserId>,
    pub(super) users_after: Option<Version>,
    /// `None` means all users.
    pub(super) counts: BTreeSet<Option<Topic>>,
}

impl Wanted {
    /// Reads any number of `topic=`, `user=` and `counts=`; without any of them, everybody.
    pub(super) fn of_query(query: &str) -> Result<Self, Error> {
        let mut wanted = Self::default();
        for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
            if !matches!(name, "topic" | "user" | "counts") {
                continue;
            }
            let value = decode(value).ok_or_else(|| Error::bad_request("invalid query"))?;
            match name {
                "user" => _ = wanted.users.insert(UserId::new(value).map_err(|_| wrong("user"))?),
                "counts" if value.is_empty() => _ = wanted.counts.insert(None),
                "counts" => _ = wanted.counts.insert(Some(topic(value)?)),
                _ => _ = wanted.topics.insert(topic(value)?, None),
            }
        }
        if wanted == Self::default() {
            wanted.everyone = true;
        }
        wanted.bounded()
    }

    /// Reads `{"topics":{"a":"<version>","b":null},"everyone":"<version>","users":["x"],
    /// "users_after":"<version>","counts":["c",null]}`. At least one field must be present.
    pub(super) fn of_body(body: &LenientJson) -> Result<Self, Error> {
        let [topics, everyone, users, users_after, counts] =
            body.fields(["topics", "everyone", "users", "users_after", "counts"])?;
        let topics: BTreeMap<Topic, Option<String>> = read(&topics, "topics")?;
        let wanted = Self {
            topics: topics.into_iter().map(|(topic, after)| (topic, version(after.as_deref()))).collect(),
            everyone: match &everyone {
                Json::Null => false,
                Json::Bool(everyone) => *everyone,
                Json::Text(_) => true,
                _ => return Err(wrong("everyone")),
            },
            everyone_after: after(&everyone),
            users: read(&users, "users")?,
            users_after: after(&users_after),
            counts: read(&counts, "counts")?,
        };
        if wanted == Self::default() {
            return Err(Error::bad_request("nothing to watch"));
        }
        wanted.bounded()
    }

    /// All scopes that the stream is about.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        let of = |topic: Option<&Topic>| topic.cloned().map_or(Scope::All, Scope::Topic);
        let topics = self.topics.keys().map(Some).chain(self.counts.iter().map(Option::as_ref));
        let mut scopes: BTreeSet<_> = topics.map(of).chain(self.everyone.then_some(Scope::All)).collect();
        if !self.users.is_empty() {
            scopes.insert(Scope::users(self.users.iter().cloned()));
        }
        scopes.into_iter().collect()
    }

    fn bounded(self) -> Result<Self, Error> {
        if self.topics.len() > MAX_TOPICS || self.counts.len() > MAX_TOPICS {
            return Err(Error::bad_request("too many topics"));
        }
        if self.users.len() > MAX_USERS {
            return Err(Error::bad_request("too many users"));
        }
        Ok(self)
    }
}

/// An unknown or malformed version gets a full state, like one that is too old.
fn version(after: Option<&str>) -> Option<Version> {
    after.and_then(|after| after.parse().ok())
}

fn after(field: &Json<'_>) -> Option<Version> {
    if let Json::Text(after) = field { version(Some(after)) } else { None }
}

fn topic(name: impl AsRef<str>) -> Result<Topic, Error> {
    Topic::new(name.as_ref()).map_err(|_| wrong("topic"))
}

fn read<'b, T: Deserialize<'b> + Default>(field: &'b Json<'_>, name: &'static str) -> Result<T, Error> {
    match field {
        Json::Null => Ok(T::default()),
        Json::Array(text) | Json::Object(text) => serde_json::from_str(text).map_err(|_| wrong(name)),
        _ => Err(wrong(name)),
    }
}

fn wrong(field: &'static str) -> Error {
    Error::bad_request(format!("invalid {field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Result<Wanted, String> {
        let body = LenientJson::from(bytes::Bytes::copy_from_slice(text.as_bytes()));
        Wanted::of_body(&body).map_err(|error| error.word().to_owned())
    }

    #[test]
    fn a_query_and_a_body_name_the_same_scopes() {
        let query = Wanted::of_query("topic=a&topic=b%26&user=x&counts=c&counts=&other=1").unwrap();
        let body =
            body(r#"{"topics":{"a":null,"b&":"no version"},"users":["x","x"],"counts":["c",null,"c"]}"#);
        assert_eq!(query, body.unwrap());
        assert!(Wanted::of_query("").unwrap().everyone);
    }

    #[test]
    fn a_version_is_read_and_anything_else_is_none() {
        let read = body(r#"{"everyone":"0000000000000007-3"}"#).unwrap();
        assert_eq!((read.everyone, read.everyone_after), (true, Some(Version { incarnation: 7, n: 3 })));
        let read = body(r#"{"everyone":""}"#).unwrap();
        assert_eq!((read.everyone, read.everyone_after), (true, None));
    }

    #[test]
    fn errors_name_the_field_and_limits_are_enforced() {
        let many = |n: usize| (0..n).map(|i| format!("\"u{i}\"")).collect::<Vec<_>>().join(",");
        for (text, error) in [
            ("{}".to_owned(), "nothing to watch"),
            (r#"{"topics":[]}"#.to_owned(), "invalid topics"),
            (r#"{"topics":{"":null}}"#.to_owned(), "invalid topics"),
            (r#"{"topics":7}"#.to_owned(), "invalid topics"),
            (r#"{"everyone":7}"#.to_owned(), "invalid everyone"),
            (r#"{"users":[""]}"#.to_owned(), "invalid users"),
            (r#"{"counts":{}}"#.to_owned(), "invalid counts"),
            (format!(r#"{{"users":[{}]}}"#, many(1_001)), "too many users"),
            (format!(r#"{{"counts":[{}]}}"#, many(65)), "too many topics"),
        ] {
            assert_eq!(body(&text).unwrap_err(), error, "{text}");
        }
        assert!(body(&format!(r#"{{"users":[{}]}}"#, many(1_000))).is_ok());
        for query in ["topic=", "user=", "topic=%ff"] {
            assert!(Wanted::of_query(query).is_err(), "{query}");
        }
    }
}
