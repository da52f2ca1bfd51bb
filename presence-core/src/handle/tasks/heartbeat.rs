//! Sends the heartbeats of this process: one message for all sessions that it holds.

use super::super::shared::Shared;
use super::super::store_state::Verb;
use crate::model::Node;
use crate::store::Touch;
use crate::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;

/// A quarter of the default `held_for`, so that three heartbeats in a row may be lost.
const EVERY: Duration = Duration::from_secs(2);
/// Shortest delay between a heartbeat and an extra one, which is sent when the store accepts writes
/// again after an outage.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Most heartbeats in flight at a time, if the store hangs.
const IN_FLIGHT: usize = 4;

pub async fn run(shared: Arc<Shared>) {
    shared.knows_time().await;
    let every = EVERY.min(shared.roster.policy().held_for / 4);
    let mut rhythm = Rhythm { next: shared.now(), every, sent_at: None, accepted_at: None };
    let mut in_flight = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased; // So that a seed reproduces its history.
            () = shared.clock.sleep_past(rhythm.next) => {}
            () = shared.proven.notified(), if in_flight.len() < IN_FLIGHT => {
                if !rhythm.is_overdue(shared.now()) {
                    continue;
                }
            }
            Some(accepted) = in_flight.next() => {
                if accepted {
                    rhythm.accepted_at = Some(shared.now());
                }
                continue;
            }
        }
        if shared.draining.borrow().is_some() {
            // The last heartbeat has announced how long the held sessions stay alive.
            return;
        }
        let now = shared.now();
        let beat = shared.roster.beat_node(now);
        rhythm.next = now + every;
        if in_flight.len() < IN_FLIGHT {
            rhythm.sent_at = Some(now);
            // A failure needs no handling, since the next heartbeat replaces this one.
            in_flight.push(async { send(&shared, beat).await.is_ok() });
        }
    }
}

/// When the next heartbeat is due, and when the last ones were sent and accepted.
struct Rhythm {
    next: Timestamp,
    every: Duration,
    sent_at: Option<Timestamp>,
    accepted_at: Option<Timestamp>,
}

impl Rhythm {
    /// Whether to send an extra heartbeat, now that the store is known to accept writes.
    fn is_overdue(&self, now: Timestamp) -> bool {
        let since = |then: Option<Timestamp>| then.map_or(Duration::MAX, |then| now.since(then));
        since(self.accepted_at) > self.every * 5 / 4 && since(self.sent_at) >= AGAIN_AFTER
    }
}

/// Writes this process's heartbeat to the store.
pub async fn send(shared: &Shared, node: Node) -> crate::store::Result<()> {
    let Node { id, seen_at, drain_for } = node;
    let touch = [Touch::Node { node: id, seen_at, drain_for }];
    shared.call(Verb::Touch, shared.store().touch(&touch)).await.map(drop)
}
