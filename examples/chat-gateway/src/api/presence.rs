//! `GET /presence` and `GET /presence/{user_id}`: the status of users.

use crate::frame::User;
use crate::{Service, rfc3339};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use presence_axum::Error;
use presence_axum::auth::{Action, Resource, Transport};
use presence_axum::wire::json;
use presence_core::{Page, Person, Timestamp, UserId, Viewer};
use serde::{Deserialize, Serialize};

/// Admits a caller who may read: within the rate limit, and with a token unless
/// `REST_PUBLIC` is set.
pub(crate) struct Reader;

impl FromRequestParts<Service> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        let mount = service.mount();
        mount.limiter().query(&parts.extensions, &parts.headers)?;
        if !service.is_public() {
            let caller = mount.caller(parts, Transport::Request).await?;
            mount.permit(&caller, Action::Read, Resource::Everyone).await?;
        }
        Ok(Self)
    }
}

/// A user who is online.
#[derive(Serialize)]
struct Online<'a> {
    #[serde(flatten)]
    user: User<'a>,
    last_seen: Option<String>,
}

impl<'a> Online<'a> {
    fn of(person: &'a Person) -> Self {
        Self { user: User::of(&person.member), last_seen: person.last_seen.map(rfc3339) }
    }
}

/// A user who is offline.
#[derive(Serialize)]
struct Offline<'a> {
    user_id: &'a str,
    status: &'static str,
    last_seen: Option<Timestamp>,
}

/// The status of one user. Always 200, since an unknown user is offline.
///
/// # Errors
/// 401, 403 and 429; 400 for a user id that is not valid text.
pub(crate) async fn one(
    State(service): State<Service>,
    _: Reader,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    let Path(name) = path.map_err(|_| Error::bad_request("invalid user"))?;
    let known = UserId::new(&name).ok();
    let person = known.and_then(|user| service.presence().user_as(&Viewer::Anyone, &user));
    Ok(match person.filter(|person| person.member.liveness.is_live()) {
        Some(person) => json(StatusCode::OK, &Online::of(&person)),
        None => json(StatusCode::OK, &Offline { user_id: &name, status: "offline", last_seen: None }),
    })
}

/// The page of the list to return.
#[derive(Deserialize)]
pub(crate) struct Asked {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A page of the users online, sorted by id, and the number of all.
///
/// # Errors
/// 401, 403 and 429; 400 `invalid query`, `invalid cursor`, `invalid limit` (1 to 1,000).
pub(crate) async fn all(
    State(service): State<Service>,
    _: Reader,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Wire<'a> {
        users: Vec<Online<'a>>,
        count: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<UserId>,
    }
    let Query(Asked { cursor, limit }) = asked.map_err(|_| Error::bad_request("invalid query"))?;
    let after = cursor.map(UserId::new).transpose().map_err(|_| Error::bad_request("invalid cursor"))?;
    let limit = limit.unwrap_or(Page::MAX);
    if !(1..=Page::MAX).contains(&limit) {
        return Err(Error::bad_request("invalid limit"));
    }
    let everyone = service.presence().everyone();
    let listing = everyone.list(&Page::default().after(after).limit(limit));
    let last_seen = |user| service.presence().last_seen_as(&Viewer::Anyone, user).map(rfc3339);
    let users = listing
        .members
        .iter()
        .map(|member| Online { user: User::of(member), last_seen: last_seen(&member.user) });
    let wire = Wire { users: users.collect(), count: everyone.counts().online, next: listing.next };
    Ok(json(StatusCode::OK, &wire))
}
