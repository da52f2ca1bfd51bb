//! Bounded reads, on a store whose every misfortune can be ordered.

mod blind;
mod bounds;
mod gated;
mod histories;
mod races;

use super::node::clock;
use gated::Gated;
use hub_and_spoke::lookaside::{Bounds, Changes, Counted, Lookaside};
use hub_and_spoke::status::{LASTS, Wanted, cleared};
use presence_core::store::Session;
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::{Faults, ReferenceStore};
use presence_core::{Clock, NodeId, PresenceStore, Status, UserId, store};
use std::sync::Arc;
use std::time::Duration;

/// A lookaside on a store, and another process that writes to it.
struct Scene {
    clock: ManualClock,
    store: ReferenceStore,
    gate: Gated,
    lookaside: Lookaside,
}

impl Scene {
    async fn new() -> Self {
        Self::of(Bounds::default()).await
    }

    async fn of(bounds: Bounds) -> Self {
        // A view is fresh three seconds after a shard has begun.
        let clock = ManualClock::at(clock().now() - Duration::from_secs(2));
        let store = ReferenceStore::with_shards(clock.clone(), 3);
        let gate = Gated::new(store.clone());
        let gated: Arc<dyn PresenceStore> = Arc::new(gate.clone());
        let lookaside =
            Lookaside::start(Arc::clone(&gated), Changes::of(gated), Arc::new(clock.clone()), bounds);
        let scene = Self { clock, store, gate, lookaside };
        scene.advance(4).await;
        assert!(!scene.lookaside.is_stale());
        scene
    }

    async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    fn faults(&self) -> Faults {
        self.store.faults()
    }

    /// Another process sets a status.
    async fn set(&self, name: &str, status: Status) {
        self.set_for(name, status, LASTS).await;
    }

    async fn set_for(&self, name: &str, status: Status, ttl: Duration) {
        let held = self.held(name);
        let wanted = Wanted { user: user(name), status, message: None, ttl };
        let session = wanted.session(held.as_ref(), &NodeId::new("other").unwrap(), self.clock.now());
        self.store.put(&[session]).await.unwrap();
    }

    /// Another process clears a status.
    async fn clear(&self, name: &str) {
        if let Some(session) = self.held(name).and_then(|held| cleared(held, self.clock.now())) {
            self.store.put(&[session]).await.unwrap();
        }
    }

    /// The record in the store, also while the store fails.
    fn held(&self, name: &str) -> Option<Session> {
        let contents = self.store.contents();
        contents.sessions.into_values().find(|session| session.user == user(name))
    }

    async fn read(&self, name: &str) -> Result<Option<Status>, Arc<store::Error>> {
        let found = self.lookaside.read(&[user(name)]).await?;
        Ok(found[0]
            .as_ref()
            .and_then(|shown| shown.session().declared.as_ref())
            .map(|declared| declared.status))
    }

    /// The status that is shown, if the read succeeds.
    async fn shown(&self, name: &str) -> Option<Status> {
        self.read(name).await.unwrap()
    }

    fn counted(&self) -> Counted {
        self.lookaside.counted()
    }

    fn loads(&self) -> u64 {
        self.store.calls().loads
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

#[tokio::test]
async fn a_cached_user_is_not_loaded_again() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    for _ in 0..5 {
        assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    }
    assert_eq!(scene.loads(), 1);
    let counted = scene.counted();
    assert_eq!((counted.hits, counted.misses, counted.keys_added), (4, 1, 1));
    assert!(counted.cost_added > 0 && counted.cost_evicted == 0);
}

#[tokio::test]
async fn writes_of_another_process_are_shown_without_another_load() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    for status in [Status::Away, Status::Online, Status::Offline] {
        scene.set("ada", status).await;
        scene.advance(0).await;
        assert_eq!(scene.shown("ada").await, Some(status));
    }
    assert_eq!(scene.loads(), 1);
    scene.clear("ada").await;
    scene.advance(0).await;
    assert_eq!(scene.shown("ada").await, None);
}

#[tokio::test]
async fn users_without_a_status_are_not_cached() {
    let scene = Scene::new().await;
    scene.set_for("lapsed", Status::Busy, Duration::from_secs(5)).await;
    scene.set("cleared", Status::Busy).await;
    scene.clear("cleared").await;
    scene.advance(5).await;
    for name in ["lapsed", "cleared", "unknown"] {
        for _ in 0..3 {
            assert_eq!(scene.shown(name).await, None, "{name}");
        }
    }
    assert_eq!(scene.counted().keys_added, 0);
}

#[tokio::test]
async fn a_cached_status_lapses_in_time_and_can_be_set_again() {
    let scene = Scene::new().await;
    scene.set_for("ada", Status::Busy, Duration::from_secs(5)).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    scene.advance(4).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    scene.advance(1).await;
    assert_eq!(scene.shown("ada").await, None);
    scene.set_for("ada", Status::Away, Duration::from_secs(5)).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Away));
    scene.advance(5).await;
    assert_eq!(scene.shown("ada").await, None);
}
