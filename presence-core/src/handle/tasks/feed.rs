//! Takes what the store tells, and watches anew whenever it stops telling.

use super::super::outbox::WriteKind;
use super::super::shared::Shared;
use super::Backoff;
use crate::store::FeedEvent;
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How often a watch is tried while the store is out of reach, at least. The others take a view for
/// fresh once they have heard steadily for a second: until then, whoever was cut off as they were
/// must have heard a proof, and have beaten.
const RETRIES_EVERY: Duration = Duration::from_millis(500);

pub async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    // Which life of each shard was told last.
    let mut epochs: HashMap<u16, Arc<str>> = HashMap::new();
    let (mut synced, mut proven) = (HashSet::new(), HashSet::new());
    loop {
        shared.ask_time().await;
        shared.roster.begin();
        let mut feed = shared.store().watch();
        while let Some(told) = feed.next().await {
            take(&shared, &told, &mut epochs);
            match told {
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
        tracing::debug!("the store's feed ended; watching anew");
        backoff.wait().await;
    }
}

fn take(shared: &Shared, told: &FeedEvent, epochs: &mut HashMap<u16, Arc<str>>) {
    let now = shared.now();
    let owed = match told {
        FeedEvent::Facts(facts) => {
            // Records first: what they end need not show for a moment.
            let mut owed = shared.roster.learn(&facts.users, |user| shared.store().shard_of(user), now);
            owed.extend(shared.roster.merge(facts, |session| shared.store().shard_of(&session.user), now));
            shared.end_disconnected();
            owed
        }
        FeedEvent::Touched(touches) => {
            shared.roster.touched(touches, now);
            return;
        }
        FeedEvent::Forgotten(seen) => shared.roster.forgotten(seen, now),
        FeedEvent::Synced { shard, epoch } => {
            let before = epochs.insert(*shard, Arc::clone(epoch));
            if before.is_some_and(|before| before != *epoch) {
                tracing::warn!(shard, "the store came back with another epoch: telling it what it lost");
                let shard_of = |user: &_| shared.store().shard_of(user);
                shared.outbox.mark_records(shared.roster.seen_on_duty(*shard, shard_of, now));
            }
            let untold = shared.roster.untold_marks(*shard, |user| shared.store().shard_of(user));
            shared.outbox.mark_records(untold);
            shared.roster.synced(*shard, now)
        }
        FeedEvent::Alive { shard, at, blind } => {
            shared.roster.prove(*shard, *at, blind, now);
            shared.note_time(true);
            shared.moved.notify_one();
            shared.proven.notify_waiters();
            return;
        }
        FeedEvent::Unproven { shard } => {
            shared.roster.falter(*shard);
            return;
        }
    };
    if !owed.is_empty() {
        metrics::counter!("presence_told_again_total").increment(owed.len() as u64);
        shared.outbox.mark(owed, WriteKind::Put);
    }
}
