//! `GET /sse/online`: who is here, every two seconds.

use axum::extract::State;
use axum::response::Response;
use presence_axum::limits::Permit;
use presence_axum::sse::{Ticker, event};
use presence_axum::wire::Ids;
use presence_core::roster::Sorted;
use presence_core::{Presence, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// How often the stream tells.
const EVERY: Duration = Duration::from_secs(2);

/// The stream.
pub(crate) async fn online(State(online): State<Ticker>, permit: Permit) -> Response {
    online.response(permit)
}

/// Makes the event of each tick, once for all viewers.
pub(crate) fn ticker(presence: &Presence) -> Ticker {
    let everyone = presence.everyone();
    Ticker::new(presence, EVERY, move |presence| {
        let now = presence.now();
        everyone.sorted(|users| {
            let data = Data::of(users, now);
            event(&data, 128 + 16 * data.online_total)
        })
    })
}

/// The event's data, in the order of its keys on the wire.
#[derive(Serialize)]
struct Data<'a> {
    ts: u64,
    online_total: usize,
    active_total: usize,
    idle_total: usize,
    active_uids: Ids<'a>,
    idle_uids: Ids<'a>,
}

impl<'a> Data<'a> {
    fn of(users: &'a Sorted, now: Timestamp) -> Self {
        let (active, idle) = (users.active.len(), users.idle.len());
        Self {
            ts: now.as_secs(),
            online_total: active + idle,
            active_total: active,
            idle_total: idle,
            active_uids: Ids(&users.active),
            idle_uids: Ids(&users.idle),
        }
    }
}
