//! Queries: who is here, and how many.

use crate::auth::{Action, Identity, Resource, Transport};
use crate::limits::Client;
use crate::query::{decode, fields, limit_of, topic_of};
use crate::wire::{self, CountsBody, ListBody, People, Person, TopicCounts, Topics};
use crate::{Error, Mount};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRef, FromRequestParts, Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use presence_core::{Page, ScopeView, Topic, UserId, Viewer};
use std::collections::HashSet;

/// The most users that one query may name.
const MAX_IDS: usize = 1_000;
/// The most that an answer about several users takes, in bytes: what is written in some two
/// milliseconds, for which nobody else has that processor. One user can have 1 MiB of topics.
const MAX_ANSWER: usize = 2 * 1024 * 1024;
/// How many bytes of an answer about users count as one more row.
const ROW: usize = 1024;
/// The most topics that one query is told.
const MAX_TOPICS: usize = 1_000;

fn place(mount: &Mount, topic: Option<&Topic>) -> ScopeView {
    topic.map_or_else(|| mount.presence().everyone(), |topic| mount.presence().topic(topic))
}

fn user_id(text: &str) -> Result<UserId, Error> {
    UserId::new(text).map_err(|_| Error::bad_request("invalid user"))
}

/// Who asks, within the rate of their client.
pub struct Asks(Identity, Option<Client>);

impl<S> FromRequestParts<S> for Asks
where
    S: Send + Sync,
    Mount: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let mount = Mount::from_ref(state);
        mount.gate().query(&parts.extensions, &parts.headers)?;
        let client = mount.gate().client(&parts.extensions, &parts.headers);
        mount.caller(parts, Transport::Request).await.map(|caller| Self(caller, client))
    }
}

impl Asks {
    /// On whose behalf it is asked: decides what of hidden users is shown.
    fn viewer(&self) -> Viewer {
        if self.0.is_admin() {
            return Viewer::Operator;
        }
        self.0.user().map_or(Viewer::Anyone, |user| Viewer::User(user.clone()))
    }

    /// Counts that so many rows are asked for: they cost more than a query of one.
    fn rows(&self, mount: &Mount, rows: usize) -> Result<(), Error> {
        mount.gate().rows(self.1, rows)
    }

    /// Makes sure that it may be read about them.
    pub(crate) async fn reads(&self, mount: &Mount, on: Resource<'_>) -> Result<(), Error> {
        self.may(mount, Action::Read, on).await
    }

    /// Makes sure that they may do this.
    pub(crate) async fn may(&self, mount: &Mount, action: Action, on: Resource<'_>) -> Result<(), Error> {
        mount.permit(&self.0, action, on).await
    }
}

/// `GET /v1/users/{user}`: one user, with sessions; somebody unknown is gone.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid user`.
pub async fn user(
    State(mount): State<Mount>,
    asks: Asks,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    let Path(user) = path.map_err(|_| Error::bad_request("invalid user"))?;
    let user = user_id(&user)?;
    asks.reads(&mount, Resource::User(&user)).await?;
    let person = mount.presence().user_as(&asks.viewer(), &user);
    Ok(wire::json(StatusCode::OK, &Person::of(&user, person.as_ref())))
}

/// `GET /v1/users?ids=a,b`: several users, each once, in this order. A comma within an id is
/// written `%2C`.
///
/// # Errors
/// 401, 403 and 429; 400 `no ids`, `invalid user`, `too many ids` (beyond 1,000); 413 `too large:
/// name fewer users` when the answer would be larger than 2 MiB.
pub async fn users(
    State(mount): State<Mount>,
    asks: Asks,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let ids = ids(query.as_deref().unwrap_or_default())?;
    asks.rows(&mount, ids.len())?;
    for user in &ids {
        asks.reads(&mount, Resource::User(user)).await?;
    }
    let viewer = asks.viewer();
    let mut people = Vec::with_capacity(ids.len());
    let mut left = MAX_ANSWER;
    for user in &ids {
        let person = mount.presence().user_as(&viewer, user);
        // Before the next one is copied: one kilobyte of query could name gigabytes.
        let too_large = || Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too large: name fewer users");
        left = left.checked_sub(weight(user, person.as_ref())).ok_or_else(too_large)?;
        people.push(person);
    }
    // Of users with much to tell fewer are as dear.
    asks.rows(&mount, (MAX_ANSWER - left) / ROW)?;
    let users = ids.iter().zip(&people).map(|(user, person)| Person::of(user, person.as_ref())).collect();
    Ok(wire::json(StatusCode::OK, &People { users }))
}

/// At most how many bytes the answer about a user takes.
fn weight(user: &UserId, person: Option<&presence_core::Person>) -> usize {
    const USER: usize = 128;
    const SESSION: usize = 48;
    let Some(member) = person.map(|person| &person.member) else { return USER + written(user.as_str()) };
    let session = |session: &presence_core::MemberSession| {
        let topics: usize = session.topics.iter().map(|topic| written(topic.as_str()) + 1).sum();
        SESSION + written(session.id.as_str()) + topics
    };
    let message = member.message.as_ref().map_or(0, |message| written(message.as_str()));
    USER + written(user.as_str()) + message + member.sessions.iter().map(session).sum::<usize>()
}

/// How many bytes a text takes as JSON. Of what is escaped, texts hold only what takes two.
fn written(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\t')).count();
    text.len() + escaped + 2
}

/// The ids in a query, split before they are decoded: an id may hold a comma.
fn ids(query: &str) -> Result<Vec<UserId>, Error> {
    let lists = query.split('&').filter_map(|pair| pair.strip_prefix("ids="));
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    for encoded in lists.flat_map(|list| list.split(',')).filter(|encoded| !encoded.is_empty()) {
        if ids.len() == MAX_IDS {
            return Err(Error::bad_request("too many ids"));
        }
        let decoded = decode(encoded).ok_or_else(|| Error::bad_request("invalid user"))?;
        let user = user_id(&decoded)?;
        // Each once: an answer that repeats a user says nothing more.
        if seen.insert(user.clone()) {
            ids.push(user);
        }
    }
    if ids.is_empty() { Err(Error::bad_request("no ids")) } else { Ok(ids) }
}

/// `GET /v1/counts`: how many are here, or in `?topic=`.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid topic`.
pub async fn counts(
    State(mount): State<Mount>,
    asks: Asks,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [topic] = fields(query.as_deref(), ["topic"])?;
    let topic = topic_of(topic)?;
    asks.reads(&mount, Resource::topic_or_everyone(topic.as_ref())).await?;
    Ok(wire::json(StatusCode::OK, &CountsBody::from(place(&mount, topic.as_ref()).counts())))
}

/// `GET /v1/list`: who is here, or in `?topic=`, in pages of `?limit=` from `?cursor=` on.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid topic`, `invalid limit` (1 to 1,000), `invalid cursor`.
pub async fn list(
    State(mount): State<Mount>,
    asks: Asks,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [topic, limit, cursor] = fields(query.as_deref(), ["topic", "limit", "cursor"])?;
    let topic = topic_of(topic)?;
    let limit = limit_of(limit.as_deref(), 100, Page::MAX)?;
    asks.rows(&mount, limit)?;
    let after = cursor.map(UserId::new).transpose().map_err(|_| Error::bad_request("invalid cursor"))?;
    asks.reads(&mount, Resource::topic_or_everyone(topic.as_ref())).await?;
    let place = place(&mount, topic.as_ref());
    let listing = place.list(&Page { after, limit });
    Ok(wire::json(StatusCode::OK, &ListBody::of(&listing, place.counts())))
}

/// `GET /v1/topics`: the `?limit=` topics with most users.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid limit` (1 to 1,000).
pub async fn topics(
    State(mount): State<Mount>,
    asks: Asks,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [limit] = fields(query.as_deref(), ["limit"])?;
    let limit = limit_of(limit.as_deref(), 10, MAX_TOPICS)?;
    asks.rows(&mount, limit)?;
    asks.reads(&mount, Resource::Everyone).await?;
    let found = mount.presence().topics(limit);
    let topics =
        found.into_iter().map(|(topic, counts)| TopicCounts { topic, counts: counts.into() }).collect();
    Ok(wire::json(StatusCode::OK, &Topics { topics }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Vec<String>, String> {
        ids(query).map(|ids| ids.iter().map(ToString::to_string).collect()).map_err(|e| e.word().to_owned())
    }

    #[test]
    fn ids_are_split_before_they_are_decoded() {
        assert_eq!(read("ids=a,b").unwrap(), ["a", "b"]);
        assert_eq!(read("x=1&ids=a%2Cb,c+d,%C3%A9&ids=a").unwrap(), ["a,b", "c d", "é", "a"]);
    }

    #[test]
    fn each_id_is_taken_once() {
        assert_eq!(read("ids=b,a,b,b&ids=a,c").unwrap(), ["b", "a", "c"]);
        assert_eq!(read(&format!("ids={}", "a,".repeat(20_000))).unwrap(), ["a"]);
    }

    #[test]
    fn no_ids_bad_ids_and_too_many_are_refused() {
        for query in ["", "ids=", "ids=,", "other=a", "xids=a"] {
            assert_eq!(read(query).unwrap_err(), "no ids", "{query}");
        }
        for query in ["ids=%FF", "ids=%00", "ids=a,%0A"] {
            assert_eq!(read(query).unwrap_err(), "invalid user", "{query}");
        }
        let many = |n: usize| format!("ids={}", (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        assert_eq!(read(&many(1_000)).unwrap().len(), 1_000);
        assert_eq!(read(&many(1_001)).unwrap_err(), "too many ids");
    }
}
