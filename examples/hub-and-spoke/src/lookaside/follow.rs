//! The watch: updates cached entries, and never inserts any.

use super::{Changes, Inner};
use crate::status::{SESSION, is_status};
use futures_util::StreamExt;
use presence_core::UserId;
use presence_core::store::{FeedEvent, ForgetIf};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often the view is checked for the log.
const CHECK_EVERY: Duration = Duration::from_secs(1);

pub async fn run(inner: Arc<Inner>, mut changes: Changes) {
    loop {
        let mut feed = changes.watch().await;
        // Entries that were cached while there was no watch. The new watch confirms them; the
        // others are dropped once it is complete.
        let mut unconfirmed: HashSet<UserId> = inner.cache.users().collect();
        loop {
            // The view may become stale without any event.
            let next = tokio::time::timeout(CHECK_EVERY, feed.next()).await;
            inner.log_view();
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => continue,
            };
            if matches!(event, FeedEvent::Alive { .. }) {
                changes.works();
            }
            apply(&inner, event, &mut unconfirmed);
        }
        inner.sight.lost();
        inner.log_view();
        tracing::debug!("the store's watch ended; watching anew");
    }
}

fn apply(inner: &Inner, event: FeedEvent, unconfirmed: &mut HashSet<UserId>) {
    match event {
        FeedEvent::Facts(facts) => {
            for session in facts.sessions.iter().filter(|session| is_status(session)) {
                unconfirmed.remove(&session.user);
                inner.flights.record(session);
                inner.refresh(session);
            }
        }
        FeedEvent::Forgotten(seen) => {
            for seen in seen.iter() {
                if let ForgetIf::Session { key, placed_at, .. } = seen
                    && key.id.as_str() == SESSION
                    && let Some(cached) = inner.cache.get(&key.user)
                    && cached.session().placement.placed_at <= *placed_at
                {
                    inner.cache.drop(&key.user);
                }
            }
        }
        FeedEvent::Synced { shard, .. } => {
            let here = |user: &UserId| inner.store.shard_of(user) == shard;
            for user in unconfirmed.extract_if(here) {
                inner.cache.drop(&user);
            }
            inner.sight.synced(shard);
        }
        FeedEvent::Alive { shard, at, blind } => inner.sight.prove(shard, at, &blind, inner.clock.now()),
        FeedEvent::Skipped { shard } => inner.sight.skip(shard),
        FeedEvent::Unproven { shard } => inner.sight.falter(shard),
        // Status sessions only declare, and are never touched.
        FeedEvent::Touched(_) => {}
    }
}
