//! The sessions that are kept.

use super::Bounds;
use super::counters::Counters;
use crate::status::is_current;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use presence_core::{Session, Timestamp, UserId};
use std::future::ready;
use std::sync::Arc;

/// A W-TinyLFU cache that weighs what it keeps: whoever is asked for often stays, and a sweep over a million users who
/// are asked for once displaces nobody.
pub struct Cache {
    kept: moka::future::Cache<UserId, Arc<Session>>,
    counters: Arc<Counters>,
}

/// What a user takes beside the session itself: their name as the key, the entry in the map, its place in two queues.
const OVERHEAD: usize = 200;

impl Cache {
    pub fn new(bounds: Bounds, counters: Arc<Counters>) -> Self {
        let evicted = Arc::clone(&counters);
        let kept = moka::future::Cache::builder()
            .max_capacity(bounds.bytes)
            .initial_capacity(bounds.counters / 10)
            .weigher(|_: &UserId, session: &Arc<Session>| weight(session))
            .eviction_listener(move |_, session, cause| {
                // What is replaced or dropped is no eviction.
                if cause == RemovalCause::Size {
                    evicted.evicted(weight(&session));
                }
            })
            .build();
        Self { kept, counters }
    }

    pub async fn get(&self, user: &UserId) -> Option<Arc<Session>> {
        self.kept.get(user).await
    }

    pub async fn drop(&self, user: &UserId) {
        self.kept.invalidate(user).await;
    }

    /// Merges a session into what is cached of its user; puts it in if nothing is and it `enters`.
    ///
    /// One at a time for each user, so that nothing newer is lost. What is not current does not stay.
    pub async fn merge(&self, session: &Arc<Session>, enters: bool, now: Timestamp) {
        // The watch tells of everybody; nearly nobody is cached.
        if !enters && !self.kept.contains_key(&session.user) {
            return;
        }
        let mut before = 0;
        let merged = self.kept.entry(session.user.clone()).and_compute_with(|cached| {
            let known = cached.map(moka::Entry::into_value);
            before = known.as_deref().map_or(0, weight);
            let merged = match known {
                Some(mut known) => Arc::make_mut(&mut known).merge(session).then_some(known),
                None => enters.then(|| Arc::clone(session)),
            };
            ready(match merged {
                Some(merged) if is_current(&merged, now) => Op::Put(merged),
                Some(_) => Op::Remove,
                None => Op::Nop,
            })
        });
        match merged.await {
            CompResult::Inserted(entry) => self.counters.added(weight(entry.value())),
            CompResult::ReplacedWith(entry) => {
                self.counters.grew(weight(entry.value()).saturating_sub(before));
            }
            CompResult::StillNone(_) | CompResult::Unchanged(_) | CompResult::Removed(_) => {}
        }
    }

    /// Who is cached now.
    pub fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.kept.iter().map(|(user, _)| UserId::clone(&user))
    }

    /// Does what has been put off: room is made beside reads and writes.
    pub async fn settle(&self) {
        self.kept.run_pending_tasks().await;
    }
}

/// About how many bytes a user takes here.
fn weight(session: &Session) -> u32 {
    // Names of up to 24 bytes lie within the session and the key.
    let name = |text: &str| if text.len() > 24 { text.len() } else { 0 };
    let message = session.declared.as_ref().and_then(|declared| declared.message.as_ref());
    let bytes = OVERHEAD
        + size_of::<UserId>()
        + size_of::<Session>()
        + 2 * name(session.user.as_str())
        + name(session.placement.node.as_str())
        + message.map_or(0, |message| message.as_str().len());
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
