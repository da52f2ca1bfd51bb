//! `GET /sse/online`: the visitors online, every two seconds.

use axum::extract::State;
use axum::response::Response;
use presence_axum::limits::Permit;
use presence_axum::sse::{Ticker, event};
use presence_axum::wire::{Lists, Shortened};
use presence_core::{Presence, Sorted, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// The interval of the stream.
const EVERY: Duration = Duration::from_secs(2);

/// An upper bound for the bytes of a frame beside its lists.
const HEAD: usize = 256;

/// The handler of the stream.
pub(crate) async fn online(State(online): State<Ticker>, permit: Permit) -> Response {
    online.response(permit)
}

/// Makes the event of each tick, once for all viewers.
///
/// Lists of more than `largest` bytes are cut.
pub(crate) fn ticker(presence: &Presence, largest: usize) -> Ticker {
    let everyone = presence.everyone();
    Ticker::new(presence, EVERY, move |presence| {
        let now = presence.now();
        everyone.sorted(|users| {
            let data = Data::of(users, now, largest);
            event(&data, 128 + (16 * data.online_total).min(largest))
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    active_uids: Shortened<'a>,
    idle_uids: Shortened<'a>,
}

impl<'a> Data<'a> {
    fn of(users: &'a Sorted, now: Timestamp, largest: usize) -> Self {
        let (active, idle) = (users.active.len(), users.idle.len());
        let lists = Lists::within(users, largest.saturating_sub(HEAD));
        Self {
            ts: now.as_secs(),
            online_total: active + idle,
            active_total: active,
            idle_total: idle,
            truncated: lists.is_truncated(),
            active_uids: lists.active,
            idle_uids: lists.idle,
        }
    }
}
