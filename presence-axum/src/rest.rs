//! The queries: users, counts and topics.

use crate::auth::{Action, Identity, Resource, Transport};
use crate::limits::Client;
use crate::query::{decode, fields, limit_of, topic_of};
use crate::wire::{self, CountsBody, People, Person, Topics};
use crate::{Error, Mount};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRef, FromRequestParts, Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use presence_core::{Page, ScopeView, Topic, UserId, Viewer};
use std::collections::HashSet;

/// The maximum number of users in one query.
const MAX_IDS: usize = 1_000;
/// The maximum size of a response about several users, in bytes: about two milliseconds of work,
/// during which the thread serves no other client. A single user can have 1 MiB of topics.
const MAX_ANSWER: usize = 2 * 1024 * 1024;
/// How many bytes of a response about users count as one more row.
const ROW: usize = 1024;
/// The maximum number of topics in one response.
const MAX_TOPICS: usize = 1_000;

fn scope(mount: &Mount, topic: Option<&Topic>) -> ScopeView {
    topic.map_or_else(|| mount.presence().everyone(), |topic| mount.presence().topic(topic))
}

fn user_id(text: &str) -> Result<UserId, Error> {
    UserId::new(text).map_err(|_| Error::bad_request("invalid user"))
}

/// The caller of a query, once their client is within its quota.
pub struct QueryCaller(Identity, Option<Client>);

impl<S> FromRequestParts<S> for QueryCaller
where
    S: Send + Sync,
    Mount: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let mount = Mount::from_ref(state);
        mount.limiter().query(&parts.extensions, &parts.headers)?;
        let client = mount.limiter().client(&parts.extensions, &parts.headers);
        mount.caller(parts, Transport::Request).await.map(|caller| Self(caller, client))
    }
}

impl QueryCaller {
    /// The viewer that decides whether hidden users are shown.
    fn viewer(&self) -> Viewer {
        if self.0.is_admin() {
            return Viewer::Operator;
        }
        self.0.user().map_or(Viewer::Anyone, |user| Viewer::User(user.clone()))
    }

    /// Counts the rows of a large response: they cost more than the query itself.
    fn rows(&self, mount: &Mount, rows: usize) -> Result<(), Error> {
        mount.limiter().rows(self.1, rows)
    }

    /// Checks that the caller may read this.
    pub(crate) async fn reads(&self, mount: &Mount, on: Resource<'_>) -> Result<(), Error> {
        self.may(mount, Action::Read, on).await
    }

    /// Checks that the caller may do this.
    pub(crate) async fn may(&self, mount: &Mount, action: Action, on: Resource<'_>) -> Result<(), Error> {
        mount.permit(&self.0, action, on).await
    }
}

/// `GET /v1/users/{user}`: one user with their sessions; an unknown user is gone.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/who/{user}", get(presence_axum::rest::user)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429; 400 `invalid user`.
pub async fn user(
    State(mount): State<Mount>,
    caller: QueryCaller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    let Path(user) = path.map_err(|_| Error::bad_request("invalid user"))?;
    let user = user_id(&user)?;
    caller.reads(&mount, Resource::User(&user)).await?;
    let person = mount.presence().user_as(&caller.viewer(), &user);
    Ok(wire::json(StatusCode::OK, &Person::of(&user, person.as_ref())))
}

/// `GET /v1/users?ids=a,b`: several users in this order, without repeats. A comma within an id is
/// written as `%2C`.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/who", get(presence_axum::rest::users)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429; 400 `no ids`, `invalid user`, `too many ids` (beyond 1,000); 413 `too large:
/// name fewer users` when the answer would be larger than 2 MiB.
pub async fn users(
    State(mount): State<Mount>,
    caller: QueryCaller,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let ids = ids(query.as_deref().unwrap_or_default())?;
    caller.rows(&mount, ids.len())?;
    for user in &ids {
        caller.reads(&mount, Resource::User(user)).await?;
    }
    let viewer = caller.viewer();
    let mut people = Vec::with_capacity(ids.len());
    let mut left = MAX_ANSWER;
    for user in &ids {
        let person = mount.presence().user_as(&viewer, user);
        // Checked before the next user is copied: a query of one kilobyte could name gigabytes.
        let too_large = || Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too large: name fewer users");
        left = left.checked_sub(weight(user, person.as_ref())).ok_or_else(too_large)?;
        people.push(person);
    }
    // Users with many sessions or topics cost more, so the size of the response counts too.
    caller.rows(&mount, (MAX_ANSWER - left) / ROW)?;
    let users = ids.iter().zip(&people).map(|(user, person)| Person::of(user, person.as_ref())).collect();
    Ok(wire::json(StatusCode::OK, &People::of(users)))
}

/// An upper bound for the size of one user in the response, in bytes.
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

/// The size of a text as a JSON string. The only characters to escape that it can hold
/// take two bytes.
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
        // A repeated user would add nothing to the response.
        if seen.insert(user.clone()) {
            ids.push(user);
        }
    }
    if ids.is_empty() { Err(Error::bad_request("no ids")) } else { Ok(ids) }
}

/// `GET /v1/counts`: how many users are online, or in `?topic=`.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/how-many", get(presence_axum::rest::counts)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429; 400 `invalid topic`.
pub async fn counts(
    State(mount): State<Mount>,
    caller: QueryCaller,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [topic] = fields(query.as_deref(), ["topic"])?;
    let topic = topic_of(topic)?;
    caller.reads(&mount, Resource::topic_or_everyone(topic.as_ref())).await?;
    Ok(wire::json(StatusCode::OK, &CountsBody::from(scope(&mount, topic.as_ref()).counts())))
}

/// `GET /v1/list`: the users online, or in `?topic=`, in pages of `?limit=` starting at `?cursor=`.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/here", get(presence_axum::rest::list)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429; 400 `invalid topic`, `invalid limit` (1 to 1,000), `invalid cursor`.
pub async fn list(
    State(mount): State<Mount>,
    caller: QueryCaller,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [topic, limit, cursor] = fields(query.as_deref(), ["topic", "limit", "cursor"])?;
    let topic = topic_of(topic)?;
    let limit = limit_of(limit.as_deref(), 100, Page::MAX)?;
    caller.rows(&mount, limit)?;
    let after = cursor.map(UserId::new).transpose().map_err(|_| Error::bad_request("invalid cursor"))?;
    caller.reads(&mount, Resource::topic_or_everyone(topic.as_ref())).await?;
    let page = Page::default().after(after).limit(limit);
    Ok(wire::response(StatusCode::OK, mount.pages().page(&scope(&mount, topic.as_ref()), &page)))
}

/// `GET /v1/topics`: the `?limit=` topics with the most users.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/rooms", get(presence_axum::rest::topics)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401, 403 and 429; 400 `invalid limit` (1 to 1,000).
pub async fn topics(
    State(mount): State<Mount>,
    caller: QueryCaller,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let [limit] = fields(query.as_deref(), ["limit"])?;
    let limit = limit_of(limit.as_deref(), 10, MAX_TOPICS)?;
    caller.rows(&mount, limit)?;
    caller.reads(&mount, Resource::Everyone).await?;
    Ok(wire::json(StatusCode::OK, &Topics::of(mount.presence().topics(limit))))
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
    fn each_id_is_used_once() {
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
