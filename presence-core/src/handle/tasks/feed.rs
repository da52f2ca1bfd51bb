//! Merges the events of the store's watch, and starts a new watch when one ends.

use super::super::outbox::WriteKind;
use super::super::shared::Shared;
use super::Backoff;
use crate::store::FeedEvent;
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Longest delay between attempts to watch an unreachable store. After an outage, other processes
/// are fresh after one second of proofs. By then this process must have received a proof and
/// sent a heartbeat.
const RETRIES_EVERY: Duration = Duration::from_millis(500);

pub async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    // The last epoch of each shard.
    let mut epochs: HashMap<u16, Arc<str>> = HashMap::new();
    let (mut synced, mut proven) = (HashSet::new(), HashSet::new());
    loop {
        shared.ask_time().await;
        shared.roster.begin();
        let mut feed = shared.store().watch();
        while let Some(event) = feed.next().await {
            take(&shared, &event, &mut epochs);
            match event {
                FeedEvent::Synced { shard, .. } => drop(synced.insert(shard)),
                FeedEvent::Alive { shard, .. } => {
                    proven.insert(shard);
                    backoff.reset();
                }
                _ => {}
            }
            let shards = usize::from(shared.store().shards());
            if synced.len() >= shards && proven.len() >= shards && !*shared.is_ready.borrow() {
                shared.is_ready.send_replace(true);
            }
        }
        metrics::counter!("presence_feed_ends_total").increment(1);
        tracing::debug!("the store's watch ended; starting another");
        backoff.wait().await;
    }
}

fn take(shared: &Shared, event: &FeedEvent, epochs: &mut HashMap<u16, Arc<str>>) {
    let now = shared.now();
    let rewrites = match event {
        FeedEvent::Facts(facts) => {
            // User records first, so that sessions that they end are not shown for a moment.
            let mut rewrites = shared.roster.learn(&facts.users, |user| shared.store().shard_of(user), now);
            rewrites.extend(shared.roster.merge(
                facts,
                |session| shared.store().shard_of(&session.user),
                now,
            ));
            shared.end_disconnected();
            rewrites
        }
        FeedEvent::Touched(touches) => {
            shared.roster.touched(touches, now);
            return;
        }
        FeedEvent::Forgotten(seen) => shared.roster.forgotten(seen, now),
        FeedEvent::Synced { shard, epoch } => {
            let before = epochs.insert(*shard, Arc::clone(epoch));
            if before.is_some_and(|before| before != *epoch) {
                tracing::warn!(
                    shard,
                    "the store lost data (its epoch changed); writing this process's sessions again"
                );
                let shard_of = |user: &_| shared.store().shard_of(user);
                shared.outbox.mark_records(shared.roster.seen_times_to_rewrite(*shard, shard_of, now));
            }
            let undelivered = shared.roster.undelivered_marks(*shard, |user| shared.store().shard_of(user));
            shared.outbox.mark_records(undelivered);
            shared.roster.synced(*shard, now)
        }
        FeedEvent::Alive { shard, at, blind } => {
            shared.roster.prove(*shard, *at, blind, now);
            shared.note_time(true);
            shared.note_view();
            shared.moved.notify_one();
            shared.proven.notify_waiters();
            return;
        }
        FeedEvent::Skipped { shard } => {
            shared.roster.skip(*shard);
            return;
        }
        FeedEvent::Unproven { shard } => {
            shared.roster.falter(*shard);
            return;
        }
    };
    if !rewrites.is_empty() {
        metrics::counter!("presence_rewrites_total").increment(rewrites.len() as u64);
        shared.outbox.mark(rewrites, WriteKind::Put);
    }
}
