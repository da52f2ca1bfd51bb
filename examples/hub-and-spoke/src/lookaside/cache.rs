//! The sessions that are kept.

use super::Bounds;
use super::counters::Counters;
use crate::Shown;
use crate::status::is_current;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use presence_core::{Session, Timestamp, UserId};
use std::future::ready;
use std::sync::Arc;

/// A W-TinyLFU cache that weighs what it keeps: whoever is asked for often stays, and a sweep over
/// a million users who are asked for once displaces nobody.
pub struct Cache {
    kept: moka::future::Cache<UserId, Arc<Shown>>,
    counters: Arc<Counters>,
}

/// What a user takes beside the session itself: their name as the key, the entry in the map, its
/// place in two queues.
const OVERHEAD: usize = 200;
/// For more users than these, room is made as they come.
const MOST_AT_START: usize = 100_000;

/// For how many users there is room from the start: as the counters say, but no more than the bytes
/// can hold.
fn initial_capacity(bounds: Bounds) -> usize {
    let fit = usize::try_from(bounds.bytes).unwrap_or(usize::MAX) / (OVERHEAD + size_of::<Shown>());
    (bounds.counters / 10).min(fit).min(MOST_AT_START)
}

impl Cache {
    pub fn new(bounds: Bounds, counters: Arc<Counters>) -> Self {
        let evicted = Arc::clone(&counters);
        let kept = moka::future::Cache::builder()
            .max_capacity(bounds.bytes)
            .initial_capacity(initial_capacity(bounds))
            .weigher(|_: &UserId, shown: &Arc<Shown>| weight(shown))
            .eviction_listener(move |_, shown, cause| {
                // What is replaced or dropped is no eviction.
                if cause == RemovalCause::Size {
                    evicted.evicted(weight(&shown));
                }
            })
            .build();
        Self { kept, counters }
    }

    pub async fn get(&self, user: &UserId) -> Option<Arc<Shown>> {
        self.kept.get(user).await
    }

    pub async fn drop(&self, user: &UserId) {
        self.kept.invalidate(user).await;
    }

    pub fn has(&self, user: &UserId) -> bool {
        self.kept.contains_key(user)
    }

    /// Merges a status into what is cached of its user; puts it in if nothing is and it `enters`.
    ///
    /// One at a time for each user, so that nothing newer is lost. What is not current does not
    /// stay.
    pub async fn merge(&self, news: &Arc<Shown>, enters: bool, now: Timestamp) {
        let mut before = 0;
        let merged = self.kept.entry(news.session().user.clone()).and_compute_with(|cached| {
            let known = cached.map(moka::Entry::into_value);
            before = known.as_deref().map_or(0, weight);
            let merged = match known {
                Some(known) => merged(known.session(), news),
                None => enters.then(|| Arc::clone(news)),
            };
            ready(match merged {
                Some(merged) if is_current(merged.session(), now) => Op::Put(merged),
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

/// What becomes of a known status by the news; `None` if they are none.
fn merged(known: &Session, news: &Arc<Shown>) -> Option<Arc<Shown>> {
    let mut merged = known.clone();
    if !merged.merge(news.session()) {
        return None;
    }
    // Mostly the news are newer in every part.
    Some(if merged == *news.session() { Arc::clone(news) } else { Arc::new(Shown::new(merged)) })
}

/// About how many bytes a user takes here.
fn weight(shown: &Shown) -> u32 {
    let session = shown.session();
    // Names of up to 24 bytes lie within the session and the key.
    let name = |text: &str| if text.len() > 24 { text.len() } else { 0 };
    let message = session.declared.as_ref().and_then(|declared| declared.message.as_ref());
    let bytes = OVERHEAD
        + size_of::<UserId>()
        + size_of::<Shown>()
        + shown.json_bytes()
        + 2 * name(session.user.as_str())
        + name(session.placement.node.as_str())
        + message.map_or(0, |message| message.as_str().len());
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
