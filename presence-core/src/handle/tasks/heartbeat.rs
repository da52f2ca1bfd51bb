//! Beats for this process: one message, however many connections it holds.

use super::super::shared::Shared;
use super::super::store_state::Verb;
use crate::model::Node;
use crate::store::Touch;
use crate::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;

/// A quarter of the default `held_for`: three beats may get lost before anybody is missed.
const EVERY: Duration = Duration::from_secs(2);
/// How soon after a beat another one may be made because the store has just taken a write and has
/// taken no beat for long.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How many beats may be on their way: those of a store that hangs.
const IN_FLIGHT: usize = 4;

pub async fn run(shared: Arc<Shared>) {
    shared.knows_time().await;
    let every = EVERY.min(shared.roster.policy().held_for / 4);
    let mut rhythm = Rhythm { next: shared.now(), every, sent_at: None, taken_at: None };
    let mut beats = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased; // So that a history comes again with its seed.
            () = shared.clock.sleep_until(rhythm.next) => {}
            () = shared.proven.notified(), if beats.len() < IN_FLIGHT => {
                if !rhythm.is_owed(shared.now()) {
                    continue;
                }
            }
            Some(taken) = beats.next() => {
                if taken {
                    rhythm.taken_at = Some(shared.now());
                }
                continue;
            }
        }
        if shared.draining.borrow().is_some() {
            // The last beat said how long its sessions live on.
            return;
        }
        let now = shared.now();
        let beat = shared.roster.beat_node(now);
        rhythm.next = now + every;
        if beats.len() < IN_FLIGHT {
            rhythm.sent_at = Some(now);
            // A failure needs no word here: the next beat says the same.
            beats.push(async { tell(&shared, beat).await.is_ok() });
        }
    }
}

/// When beats were made, and when one was taken by every shard of the store.
struct Rhythm {
    next: Timestamp,
    every: Duration,
    sent_at: Option<Timestamp>,
    taken_at: Option<Timestamp>,
}

impl Rhythm {
    /// Whether it is worth trying at once, now that the store is known to take writes.
    fn is_owed(&self, now: Timestamp) -> bool {
        let since = |then: Option<Timestamp>| then.map_or(Duration::MAX, |then| now.since(then));
        since(self.taken_at) > self.every * 5 / 4 && since(self.sent_at) >= AGAIN_AFTER
    }
}

/// Tells the store of this process's beat.
pub async fn tell(shared: &Shared, node: Node) -> crate::store::Result<()> {
    let Node { id, seen_at, drain_for } = node;
    let touch = [Touch::Node { node: id, seen_at, drain_for }];
    shared.call(Verb::Touch, shared.store().touch(&touch)).await.map(drop)
}
