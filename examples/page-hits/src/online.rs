//! `GET /sse/online`: how many are here, and the pages most of them are on, every two seconds.

use axum::extract::State;
use axum::response::Response;
use presence_axum::limits::Permit;
use presence_axum::sse::{Ticker, event};
use presence_core::{Presence, StoreHealth, Topic};
use serde::Serialize;
use std::ops::Not;
use std::time::Duration;

/// How often the stream tells.
const EVERY: Duration = Duration::from_secs(2);
/// How many pages it tells of.
const TOP: usize = 10;

/// The stream.
pub(crate) async fn online(State(online): State<Ticker>, permit: Permit) -> Response {
    online.response(permit)
}

/// Makes the event of each tick, once for all viewers: from counts that are kept, not by looking at
/// visitors.
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

/// Whether the numbers are the last known ones: the store does not answer this process, or what it
/// told last is more than three seconds old. Ages stand still then, so that nobody is seen to
/// leave. A start is no outage: in its first second a process only waits to be sure.
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
