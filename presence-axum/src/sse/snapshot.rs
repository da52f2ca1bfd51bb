//! `GET /v1/sse/snapshot`: the users online, every two seconds.

use super::shared_map::SharedMap;
use super::watcher::Watcher;
use super::{Key, Ticker, event, response};
use crate::query::{fields, topic_of};
use crate::{Error, Mount, wire};
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;

/// The tickers of the scopes that have viewers.
pub(super) type Tickers = SharedMap<Key, Ticker>;

/// An estimate of the bytes that one id takes in a frame.
const PER_USER: usize = 16;

/// Streams the users online, or those in `?topic=`, at an interval.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/snapshots", get(presence_axum::sse::snapshot)).with_state(mount)
/// # }
/// ```
///
/// # Errors
/// 401 and 403; 400 `invalid topic`; 429 and 503 of the [limits](crate::Limits).
pub async fn snapshot(
    State(mount): State<Mount>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Error> {
    let [topic] = fields(query.as_deref(), ["topic"])?;
    let topic: Key = topic_of(topic)?;
    let (watcher, permit) = Watcher::admit(&mount, request, topic.clone()).await?;
    let ticker = mount.streams().snapshots.get(&topic, || ticker(&mount, &topic), Ticker::is_idle);
    Ok(response(watcher.bound(ticker.watch(permit))))
}

fn ticker(mount: &Mount, topic: &Key) -> Ticker {
    let presence = mount.presence();
    let place = topic.as_ref().map_or_else(|| presence.everyone(), |topic| presence.topic(topic));
    let largest = mount.limiter().limits().frame;
    Ticker::new(presence, mount.ticks_every(), move |presence| {
        let (now, view) = (presence.now(), presence.health().view);
        place.sorted(|users| {
            let room = PER_USER * (users.active.len() + users.idle.len());
            event(&wire::snapshot(users, now, view, largest), 128 + room.min(largest))
        })
    })
}
