//! The cached sessions.

use super::Bounds;
use super::counters::Counters;
use crate::Shown;
use crate::status::is_current;
use presence_core::store::Session;
use presence_core::{Timestamp, UserId};
use quick_cache::sync::{EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};
use std::sync::Arc;

/// A cache with entries weighted by size. Users who are read again stay, and a scan over a million
/// users does not displace them (Clock-PRO with a short queue for newcomers, as in S3-FIFO).
pub struct Cache {
    kept: quick_cache::sync::Cache<UserId, Arc<Shown>, Bytes, DefaultHashBuilder, Evictions>,
    counters: Arc<Counters>,
}

/// What happens to a status of a user who has none in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    Insert,
    Skip,
}

/// The bytes of an entry beside the session itself: the key, the map entry, and a place
/// in a queue.
const OVERHEAD: usize = 200;
/// Space for more users than this is allocated as they come.
const MOST_AT_START: usize = 100_000;

/// The number of users that the cache is laid out for, and allocates space for at start: as
/// configured, but no more than fit into the bytes.
fn initial_capacity(bounds: Bounds) -> usize {
    let fit = usize::try_from(bounds.bytes).unwrap_or(usize::MAX) / (OVERHEAD + size_of::<Shown>());
    (bounds.counters / 10).min(fit).min(MOST_AT_START)
}

/// Weighs entries by their size.
#[derive(Clone)]
struct Bytes;

impl Weighter<UserId, Arc<Shown>> for Bytes {
    fn weight(&self, _: &UserId, shown: &Arc<Shown>) -> u64 {
        weight(shown).into()
    }
}

/// Counts evictions. Replacing or dropping an entry is not one.
#[derive(Clone)]
struct Evictions(Arc<Counters>);

impl Lifecycle<UserId, Arc<Shown>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: UserId, shown: Arc<Shown>) {
        self.0.evicted(weight(&shown));
    }
}

impl Cache {
    pub fn new(bounds: Bounds, counters: Arc<Counters>) -> Self {
        let kept = quick_cache::sync::Cache::with(
            initial_capacity(bounds),
            bounds.bytes,
            Bytes,
            DefaultHashBuilder::default(),
            Evictions(Arc::clone(&counters)),
        );
        Self { kept, counters }
    }

    pub fn get(&self, user: &UserId) -> Option<Arc<Shown>> {
        self.kept.get(user)
    }

    pub fn drop(&self, user: &UserId) {
        self.kept.remove(user);
    }

    /// Merges a status into the cached one of its user.
    ///
    /// Merges of one user are serialised, so that no newer state is lost. A status that is not
    /// current is removed.
    pub fn merge(&self, news: &Arc<Shown>, absent: IfAbsent, now: Timestamp) {
        let cached = self.kept.entry(&news.session().user, None, |_, known| {
            let before = weight(known);
            if let Some(merged) = merged(known.session(), news) {
                *known = merged;
            }
            if is_current(known.session(), now) {
                EntryAction::Retain(weight(known).saturating_sub(before))
            } else {
                EntryAction::Remove
            }
        });
        match cached {
            EntryResult::Retained(growth) => self.counters.grew(growth),
            EntryResult::Vacant(place) => {
                if absent == IfAbsent::Insert && is_current(news.session(), now) {
                    self.counters.added(weight(news));
                    // Fails only if the place was taken from us, by a removal.
                    let _ = place.insert(Arc::clone(news));
                }
            }
            EntryResult::Removed(..) | EntryResult::Replaced(..) | EntryResult::Timeout => {}
        }
    }

    /// The users in the cache.
    pub fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.kept.iter().map(|(user, _)| user)
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
