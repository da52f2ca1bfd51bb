//! The watch: keeps right what is cached, and stores nothing else.

use super::Inner;
use crate::status::{SESSION, is_status};
use futures_util::StreamExt;
use presence_core::UserId;
use presence_core::random;
use presence_core::store::{FeedEvent, ForgetIf};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The shortest and the longest pause before a watch that ended is begun anew.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often it is looked whether the node can see, for the log.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

pub async fn run(inner: Arc<Inner>) {
    let mut pause = PAUSE.0;
    loop {
        // Who was cached while nobody watched: the new watch tells of them, or they are no longer
        // there.
        let mut unconfirmed: HashSet<UserId> = inner.cache.users().collect();
        let mut feed = inner.store.watch();
        loop {
            // Nothing need be told for the sight to be lost.
            let next = tokio::time::timeout(LOOKS_EVERY, feed.next()).await;
            inner.say_sight();
            let told = match next {
                Ok(Some(told)) => told,
                Ok(None) => break,
                Err(_) => continue,
            };
            if matches!(told, FeedEvent::Alive { .. }) {
                pause = PAUSE.0;
            }
            take(&inner, told, &mut unconfirmed).await;
        }
        inner.sight.lost();
        tracing::debug!("the store's watch ended; watching anew");
        tokio::time::sleep(pause.mul_f64(0.5 + random::fraction() / 2.0)).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn take(inner: &Inner, told: FeedEvent, unconfirmed: &mut HashSet<UserId>) {
    match told {
        FeedEvent::Facts(facts) => {
            for session in facts.sessions.iter().filter(|session| is_status(session)) {
                unconfirmed.remove(&session.user);
                inner.flights.tell(session);
                inner.refresh(session).await;
            }
        }
        FeedEvent::Forgotten(seen) => {
            for seen in seen.iter() {
                if let ForgetIf::Session { key, placed_at, .. } = seen
                    && key.id.as_str() == SESSION
                    && let Some(cached) = inner.cache.get(&key.user).await
                    && cached.session().placement.placed_at <= *placed_at
                {
                    inner.cache.drop(&key.user).await;
                }
            }
        }
        FeedEvent::Synced { shard, .. } => {
            let here = |user: &UserId| inner.store.shard_of(user) == shard;
            for user in unconfirmed.extract_if(here) {
                inner.cache.drop(&user).await;
            }
            inner.sight.synced(shard);
        }
        FeedEvent::Alive { shard, at, blind } => inner.sight.prove(shard, at, &blind, inner.clock.now()),
        FeedEvent::Skipped { shard } => inner.sight.skip(shard),
        FeedEvent::Unproven { shard } => inner.sight.falter(shard),
        // Who only declares is not touched.
        FeedEvent::Touched(_) => {}
    }
}
