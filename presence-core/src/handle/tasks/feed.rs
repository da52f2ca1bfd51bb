//! Takes what the store tells, and watches anew whenever it stops telling.

use super::super::inner::Inner;
use super::super::outbox::Owes;
use super::Backoff;
use crate::store::Feed;
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How often a watch is tried while the store is out of reach, at least. The others take a view for
/// fresh once they have heard steadily for a second: until then, whoever was cut off as they were
/// must have heard a proof, and have beaten.
const RETRIES_EVERY: Duration = Duration::from_millis(500);

pub async fn run(inner: Arc<Inner>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    // Which life of each shard was told last.
    let mut epochs: HashMap<u16, Arc<str>> = HashMap::new();
    let (mut synced, mut proven) = (HashSet::new(), HashSet::new());
    loop {
        inner.ask_time().await;
        inner.roster.begin();
        let mut feed = inner.store().watch();
        while let Some(told) = feed.next().await {
            take(&inner, &told, &mut epochs);
            match told {
                Feed::Synced { shard, .. } => drop(synced.insert(shard)),
                Feed::Alive { shard, .. } => {
                    proven.insert(shard);
                    backoff.reset();
                }
                _ => {}
            }
            let shards = usize::from(inner.store().shards());
            if synced.len() >= shards && proven.len() >= shards && !*inner.is_ready.borrow() {
                inner.is_ready.send_replace(true);
            }
        }
        metrics::counter!("presence_feed_ends_total").increment(1);
        tracing::debug!("the store's feed ended; watching anew");
        backoff.wait().await;
    }
}

fn take(inner: &Inner, told: &Feed, epochs: &mut HashMap<u16, Arc<str>>) {
    let now = inner.now();
    let owed = match told {
        Feed::Facts(facts) => {
            // Records first: what they end need not show for a moment.
            let mut owed = inner.roster.learn(&facts.users, |user| inner.store().shard_of(user), now);
            owed.extend(inner.roster.merge(facts, |session| inner.store().shard_of(&session.user), now));
            inner.end_disconnected();
            owed
        }
        Feed::Touched(touches) => {
            inner.roster.touched(touches, now);
            return;
        }
        Feed::Forgotten(seen) => inner.roster.forgotten(seen, now),
        Feed::Synced { shard, epoch } => {
            let before = epochs.insert(*shard, Arc::clone(epoch));
            if before.is_some_and(|before| before != *epoch) {
                tracing::warn!(shard, "the store came back with another epoch: telling it what it lost");
                let shard_of = |user: &_| inner.store().shard_of(user);
                inner.outbox.mark_records(inner.roster.seen_on_duty(*shard, shard_of, now));
            }
            let untold = inner.roster.untold_marks(*shard, |user| inner.store().shard_of(user));
            inner.outbox.mark_records(untold);
            inner.roster.synced(*shard, now)
        }
        Feed::Alive { shard, at, blind } => {
            inner.roster.prove(*shard, *at, blind, now);
            inner.note_time(true);
            inner.moved.notify_one();
            inner.proven.notify_waiters();
            return;
        }
        Feed::Unproven { shard } => {
            inner.roster.falter(*shard);
            return;
        }
    };
    if !owed.is_empty() {
        metrics::counter!("presence_told_again_total").increment(owed.len() as u64);
        inner.outbox.mark(owed, Owes::Put);
    }
}
