//! `GET /v1/sse/diff`: the state of one scope, then its changes; can be resumed.

use super::members::members;
use super::watcher::Watcher;
use super::{Key, response};
use crate::limits::Permit;
use crate::query::{fields, topic_of};
use crate::{Error, Mount, wire};
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use presence_core::{Presence, Scope, Version, View, ViewUpdates};
use std::time::Duration;

pub(super) use super::encoded::Encoders;

/// The first bytes of a stream: how many milliseconds a browser waits before it reconnects.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");
/// A comment sent on an idle stream, so that proxies do not close it.
const PING: Bytes = Bytes::from_static(b": ping\n\n");
/// The idle time after which a ping is sent.
const QUIET: Duration = Duration::from_secs(15);

/// Streams the state of everybody, or of `?topic=`, and then the changes.
///
/// With the id of an earlier event of this process (`Last-Event-ID`, or `?last_event_id=`) it
/// continues after that event.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/changes", get(presence_axum::sse::diff)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401 and 403; 400 `invalid topic`; 429 and 503 of the [limits](crate::Limits).
pub async fn diff(
    State(mount): State<Mount>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Error> {
    let [topic, last_event_id] = fields(query.as_deref(), ["topic", "last_event_id"])?;
    let topic: Key = topic_of(topic)?;
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    // An unknown or malformed version gets a full state, like one that is too old.
    let seen: Option<Version> = header.or(last_event_id.as_deref()).and_then(|id| id.parse().ok());
    let (watcher, permit) = Watcher::admit(&mount, request, topic.clone()).await?;

    let presence = mount.presence().clone();
    let encoder = mount.streams().diffs.of(&topic);
    let scope = topic.map_or(Scope::All, Scope::Topic);
    let updates = members(&presence, scope, seen, encoder, mount.limiter().limits().frame);
    let views = presence.watch_view();
    // A state contains the view; a resumed stream is sent the view first.
    let views = if seen.is_some() { views } else { views.changes() };
    Ok(response(watcher.bound(events(Reader { presence, updates, views, _permit: permit }))))
}

/// The event for a view that became fresh or stale. It has no id, so that no client
/// resumes from it.
fn view_event(view: View) -> Bytes {
    super::write(b"event: presence_view\ndata: ", &wire::view(view), 64)
}

struct Reader {
    presence: Presence,
    updates: BoxStream<'static, Bytes>,
    views: ViewUpdates,
    _permit: Permit,
}

fn events(reader: Reader) -> impl Stream<Item = Bytes> + Send {
    let events = stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((event, reader))
    });
    stream::iter([RETRY]).chain(events)
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        let clock = self.presence.clock();
        tokio::select! {
            biased;
            event = self.updates.next() => event,
            view = self.views.next() => Some(view_event(view?)),
            () = clock.sleep_until(clock.now() + QUIET) => Some(PING),
        }
    }
}
