//! `GET` and `POST /v1/sse`: many scopes in one stream, so that a page needs only one.

mod wanted;

use super::encoded::{Encoder, write_scoped};
use super::members::{COUNTS_EVERY, members};
use super::response;
use super::watcher::Watcher;
use crate::limits::Permit;
use crate::wire::{self, CountsBody};
use crate::{Error, LenientJson, Mount};
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{Stream, StreamExt, stream};
use presence_core::{CountUpdates, Presence, Scope, Topic, ViewUpdates};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use wanted::Wanted;

/// The idle time after which an event `ping` is sent.
const PING_EVERY: Duration = Duration::from_secs(15);
const PING: Bytes = Bytes::from_static(b"event: ping\ndata: {}\n\n");
/// The largest event about named users. It is never reached: a thousand users with a message and a
/// meta each take less.
const USERS_FRAME: usize = 4 * 1024 * 1024;

/// Streams the scopes of the query, `?topic=a&topic=b&user=x&user=y&counts=c`; without any
/// of them, everybody.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// use presence_axum::sse;
/// Router::new().route("/events", get(sse::get).post(sse::post)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401 and 403; 400 names what is wrong with the query; 429 and 503 of the [limits](crate::Limits).
pub async fn get(
    State(mount): State<Mount>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Error> {
    let wanted = Wanted::of_query(query.as_deref().unwrap_or_default())?;
    let (parts, _) = request.into_parts();
    let watcher = Watcher::identify(&mount, parts).await?;
    let (watcher, permit) = watcher.admitted(wanted.scopes()).await?;
    Ok(response(watcher.bound(stream(&mount, wanted, permit))))
}

/// Streams the scopes of the body, each from the version that the caller has.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::post};
/// Router::new().route("/events", post(presence_axum::sse::post)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401 and 403; 400 names the field that is wrong; 413 for a body that is too large; 429 and 503 of
/// the [limits](crate::Limits).
pub async fn post(State(mount): State<Mount>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let watcher = Watcher::identify(&mount, parts).await?;
    let body = LenientJson::read(Request::new(body), mount.limiter().limits().body).await?;
    let wanted = Wanted::of_body(&body)?;
    let (watcher, permit) = watcher.admitted(wanted.scopes()).await?;
    Ok(response(watcher.bound(stream(&mount, wanted, permit))))
}

fn stream(mount: &Mount, wanted: Wanted, permit: Permit) -> impl Stream<Item = Bytes> + Send + use<> {
    let (presence, most) = (mount.presence(), mount.limiter().limits().frame);
    let encoders = &mount.streams().many;
    let mut updates = SelectAll::new();
    for (topic, after) in wanted.topics {
        let scope = scope_of("topic:", topic.as_str());
        let encoder = encoders.scoped(&Some(topic.clone()), &scope);
        updates.push(members(presence, Scope::Topic(topic), after, encoder, most));
    }
    if wanted.everyone {
        let encoder = encoders.scoped(&None, &scope_of("everyone", ""));
        updates.push(members(presence, Scope::All, wanted.everyone_after, encoder, most));
    }
    if !wanted.users.is_empty() {
        let encoder = Arc::new(Encoder::scoped(&scope_of("users", "")));
        let scope = Scope::users(wanted.users);
        updates.push(members(presence, scope, wanted.users_after, encoder, USERS_FRAME.max(most)));
    }
    for topic in wanted.counts {
        updates.push(counts(presence, topic));
    }
    let views = presence.watch_view();
    events(Reader { presence: presence.clone(), updates, views, _permit: permit })
}

/// The start of each event of a scope: `{"scope":"topic:a"`.
fn scope_of(kind: &str, name: &str) -> String {
    format!("{{\"scope\":{}", serde_json::Value::from(format!("{kind}{name}")))
}

fn counts(presence: &Presence, topic: Option<Topic>) -> BoxStream<'static, Bytes> {
    let (scope, head) = match topic {
        Some(topic) => {
            let head = scope_of("topic:", topic.as_str());
            (Scope::Topic(topic), head)
        }
        None => (Scope::All, scope_of("everyone", "")),
    };
    let watch = presence.watch_counts(&scope);
    let clock = Arc::clone(presence.clock());
    let next = move |(mut watch, is_first): (CountUpdates, bool)| {
        let (clock, head) = (Arc::clone(&clock), head.clone());
        async move {
            if !is_first {
                clock.sleep_until(clock.now() + COUNTS_EVERY).await;
            }
            let counts = watch.next().await?;
            Some((write_scoped("presence_counts", &head, &CountsBody::from(counts), 64), (watch, false)))
        }
    };
    stream::unfold((watch, true), next).boxed()
}

struct Reader {
    presence: Presence,
    updates: SelectAll<BoxStream<'static, Bytes>>,
    views: ViewUpdates,
    _permit: Permit,
}

fn events(reader: Reader) -> impl Stream<Item = Bytes> + Send + use<> {
    let first = hello(&reader.presence);
    let events = stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((event, reader))
    });
    stream::iter([first]).chain(events)
}

/// The first event: the intervals by which the client recognises a dead stream, and
/// sends its heartbeats.
fn hello(presence: &Presence) -> Bytes {
    #[derive(Serialize)]
    struct Hello {
        ping_every: u128,
        active_for: u128,
        lease_for: u128,
    }
    let policy = presence.policy();
    let hello = Hello {
        ping_every: PING_EVERY.as_millis(),
        active_for: policy.active_for.as_millis(),
        lease_for: policy.lease_for.as_millis(),
    };
    super::write(b"retry: 2000\nevent: hello\ndata: ", &hello, 96)
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        let clock = self.presence.clock();
        tokio::select! {
            biased;
            view = self.views.next() => {
                Some(super::write(b"event: presence_view\ndata: ", &wire::view(view?), 64))
            }
            event = self.updates.next() => event,
            () = clock.sleep_until(clock.now() + PING_EVERY) => Some(PING),
        }
    }
}
