//! The cached sessions.

use super::Bounds;
use super::counters::Counters;
use crate::Shown;
use crate::status::is_current;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use presence_core::store::Session;
use presence_core::{Timestamp, UserId};
use std::future::ready;
use std::sync::Arc;

/// A W-TinyLFU cache with entries weighted by size: frequently read users stay, and a scan over a
/// million users does not displace them.
pub struct Cache {
    kept: moka::future::Cache<UserId, Arc<Shown>>,
    counters: Arc<Counters>,
}

/// What happens to a status of a user who has none in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    Insert,
    Skip,
}

/// The bytes of an entry beside the session itself: the key, the map entry, and places
/// in two queues.
const OVERHEAD: usize = 200;
/// Space for more users than this is allocated as they come.
const MOST_AT_START: usize = 100_000;

/// The number of users to allocate space for at start: as configured, but no more than fit
/// into the bytes.
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
                // Replacing or dropping an entry is not an eviction.
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

    /// Merges a status into the cached one of its user.
    ///
    /// Merges of one user are serialised, so that no newer state is lost. A status that is not
    /// current is removed.
    pub async fn merge(&self, news: &Arc<Shown>, absent: IfAbsent, now: Timestamp) {
        let mut before = 0;
        let merged = self.kept.entry(news.session().user.clone()).and_compute_with(|cached| {
            let known = cached.map(moka::Entry::into_value);
            before = known.as_deref().map_or(0, weight);
            let merged = match known {
                Some(known) => merged(known.session(), news),
                None => (absent == IfAbsent::Insert).then(|| Arc::clone(news)),
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

    /// The users in the cache.
    pub fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.kept.iter().map(|(user, _)| UserId::clone(&user))
    }

    /// Runs pending maintenance: evictions happen asynchronously to reads and writes.
    pub async fn run_maintenance(&self) {
        self.kept.run_pending_tasks().await;
    }
}

/// The result of merging `news` into a cached status; `None` if nothing changes.
fn merged(known: &Session, news: &Arc<Shown>) -> Option<Arc<Shown>> {
    let mut merged = known.clone();
    if !merged.merge(news.session()) {
        return None;
    }
    // Usually `news` is newer in every part, so its `Arc` can be shared.
    Some(if merged == *news.session() { Arc::clone(news) } else { Arc::new(Shown::new(merged)) })
}

/// An estimate of the bytes of an entry.
fn weight(shown: &Shown) -> u32 {
    let session = shown.session();
    // Ids of up to 24 bytes are stored inline.
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
