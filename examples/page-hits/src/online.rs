//! `GET /sse/online`: the number of visitors and the top pages, every two seconds.

use axum::extract::State;
use axum::response::Response;
use presence_axum::limits::Permit;
use presence_axum::sse::{Ticker, event};
use presence_core::{Presence, StoreHealth, Topic};
use serde::Serialize;
use std::ops::Not;
use std::time::Duration;

/// The interval of the stream.
const EVERY: Duration = Duration::from_secs(2);
/// The number of pages in an event.
const TOP: usize = 10;

/// The handler of the stream.
pub(crate) async fn online(State(online): State<Ticker>, permit: Permit) -> Response {
    online.response(permit)
}

/// Makes the event of each tick, once for all viewers. It reads counters that are kept up to date,
/// so its cost does not grow with the number of visitors.
pub(crate) fn ticker(presence: &Presence) -> Ticker {
    let everyone = presence.everyone();
    Ticker::new(presence, EVERY, move |presence| {
        let data = Data {
            ts: presence.now().as_secs(),
            online_total: everyone.counts().online,
            top_pages: presence.topics(TOP).into_iter().map(|(page, counts)| (page, counts.online)).collect(),
            degraded: is_degraded(presence),
        };
        event(&data, 512)
    })
}

/// Whether the numbers may be outdated: the store does not answer, or its last update is more than
/// three seconds old. Ages stand still meanwhile, so that nobody seems to leave. Not in the first
/// second after a start, in which the view is never fresh yet.
fn is_degraded(presence: &Presence) -> bool {
    let health = presence.health();
    health.store != StoreHealth::Up || !(health.view.is_fresh() || health.view.is_starting())
}

/// The event's data, in the order of its keys on the wire.
#[derive(Serialize)]
struct Data {
    ts: u64,
    online_total: u32,
    top_pages: Vec<(Topic, u32)>,
    #[serde(skip_serializing_if = "Not::not")]
    degraded: bool,
}
