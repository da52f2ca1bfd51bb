//! Servers of the snapshot stream.

use super::stamp;
use crate::{Outcome, people, sse::TICK};
use axum::Router;
use axum::extract::FromRef;
use axum::response::Response;
use axum::routing::get;
use presence_axum::limits::{Limiter, Permit};
use presence_axum::sse::{Ticker, event};
use presence_axum::{Limits, PresenceLayer, wire};
use presence_core::{Policy, Presence};
use std::time::Duration;

/// There are no heartbeats, and all users stay.
pub fn policy() -> Policy {
    let long = Duration::from_hours(1);
    Policy::default().lease_for(long).active_for(long)
}

#[derive(Clone)]
struct Service {
    gate: Limiter,
    ticker: Ticker,
}

impl FromRef<Service> for Limiter {
    fn from_ref(service: &Service) -> Self {
        service.gate.clone()
    }
}

/// The snapshot stream of this many users: that of the mount, with a comment that says when
/// it was made.
pub async fn ticker(presence: &Presence, users: usize) -> Outcome<Router> {
    let topics = people::topics();
    for person in 0..users {
        presence.beat(people::enters(person, &topics)).await?;
    }
    let everyone = presence.everyone();
    let ticker = Ticker::new(presence, TICK, move |presence| {
        let (stamp, now, view) = (stamp(), presence.now(), presence.health().view);
        let frame = everyone
            .sorted(|users| event(&wire::snapshot(users, now, view, usize::MAX), 16 * users.active.len()));
        [stamp.as_bytes(), &frame].concat().into()
    });
    let gate = Limiter::new(Limits::shared());
    let stream = |service: axum::extract::State<Service>, permit: Permit| async move {
        let answer: Response = service.ticker.response(permit);
        answer
    };
    Ok(Router::new()
        .route("/stream", get(stream))
        .layer(PresenceLayer::new())
        .with_state(Service { gate, ticker }))
}
