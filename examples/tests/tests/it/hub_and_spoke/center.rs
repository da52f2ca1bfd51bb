//! A center: its cache and its keeper follow one watch of the store.

use super::node::{clock, settings};
use hub_and_spoke::node::center;
use hub_and_spoke::status::{LASTS, Wanted};
use hub_and_spoke::{Statuses, node};
use presence_core::store::{BoxStream, FeedEvent};
use presence_core::testing::conformance::ReferenceStore;
use presence_core::{Presence, PresenceStore, Status, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// A store that counts its watches.
struct Counting {
    store: ReferenceStore,
    watches: AtomicUsize,
}

impl PresenceStore for Counting {
    presence_core::delegate_store!(@but_watch |counting| counting.store);

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        self.watches.fetch_add(1, Relaxed);
        self.store.watch()
    }
}

fn user() -> UserId {
    UserId::new("ada").unwrap()
}

async fn set(statuses: &Statuses, status: Status) {
    statuses.set(vec![Wanted { user: user(), status, message: None, ttl: LASTS }]).await.unwrap();
}

/// What the cache and the keeper of a center show.
async fn shown(statuses: &Statuses, presence: &Presence) -> (Option<Status>, Option<Status>) {
    let cached = statuses.lookaside().read(&[user()]).await.unwrap();
    let cached = cached[0].as_ref().and_then(|shown| Some(shown.session().declared.as_ref()?.status));
    (cached, presence.user(&user()).map(|person| person.member.status))
}

#[tokio::test]
async fn the_cache_and_the_keeper_of_a_center_follow_one_watch() {
    let clock = clock();
    let reference = ReferenceStore::new(clock.clone());
    let faults = reference.faults();
    let counting = Arc::new(Counting { store: reference.clone(), watches: AtomicUsize::new(0) });
    let store: Arc<dyn PresenceStore> = Arc::clone(&counting) as _;
    let (statuses, presence) = center(&store, clock.clone(), &settings(&[]));
    presence.ready().await;
    let other: Arc<dyn PresenceStore> = Arc::new(reference);
    let other = node::leaf(&other, clock.clone(), &settings(&[]));
    clock.advance(Duration::from_secs(4)).await;
    assert!(!statuses.lookaside().is_stale());
    set(&statuses, Status::Busy).await;
    let loads = statuses.lookaside().counted().misses;

    set(&other, Status::Away).await;
    clock.advance(Duration::from_secs(1)).await;
    assert_eq!(shown(&statuses, &presence).await, (Some(Status::Away), Some(Status::Away)));
    assert_eq!(counting.watches.load(Relaxed), 1);

    // When the watch ends, both follow the next one.
    faults.end_feeds();
    set(&other, Status::Busy).await;
    clock.advance(Duration::from_secs(4)).await;
    assert!(!statuses.lookaside().is_stale());
    assert_eq!(shown(&statuses, &presence).await, (Some(Status::Busy), Some(Status::Busy)));
    set(&other, Status::Away).await;
    clock.advance(Duration::from_secs(1)).await;
    assert_eq!(shown(&statuses, &presence).await, (Some(Status::Away), Some(Status::Away)));
    assert_eq!(counting.watches.load(Relaxed), 2);
    assert_eq!(statuses.lookaside().counted().misses, loads, "all of it came by the watch");

    // The cache is stale as soon as the watch of the keeper has ended for good.
    presence.shutdown().await;
    clock.advance(Duration::from_secs(4)).await;
    assert!(statuses.lookaside().is_stale());
}
