//! Loads, news and writes that overtake each other.

use super::{Scene, user};
use futures_util::future::join_all;
use hub_and_spoke::Statuses;
use hub_and_spoke::lookaside::{Bounds, Changes, Lookaside};
use hub_and_spoke::status::{LASTS, Wanted};
use presence_core::testing::conformance::ReferenceStore;
use presence_core::{NodeId, PresenceStore, Status};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn concurrent_reads_share_one_load() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    let asking = (0..100).map(|_| scene.read("ada"));
    for shown in join_all(asking).await {
        assert_eq!(shown.unwrap(), Some(Status::Busy));
    }
    assert_eq!(scene.loads(), 1);
}

#[tokio::test]
async fn lists_that_overlap_load_each_user_once() {
    let scene = Scene::new().await;
    scene.gate.hold();
    let names = |from: u32| (from..from + 600).map(|i| user(&format!("user-{i}"))).collect::<Vec<_>>();
    let asks = |from| {
        let (lookaside, users) = (scene.lookaside.clone(), names(from));
        tokio::spawn(async move { lookaside.read(&users).await.unwrap().len() })
    };
    let (one, other) = (asks(0), asks(300));
    scene.advance(0).await;
    scene.gate.answer();
    assert_eq!((one.await.unwrap(), other.await.unwrap()), (600, 600));
    // 600 in two batches, and the 300 that the second list has beyond the first.
    assert_eq!(scene.loads(), 3);
}

#[tokio::test]
async fn a_load_continues_for_others_after_the_first_caller_has_gone() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    scene.gate.hold();
    let asks = || {
        let lookaside = scene.lookaside.clone();
        tokio::spawn(async move { lookaside.read(&[user("ada")]).await.unwrap()[0].is_some() })
    };
    let (first, second) = (asks(), asks());
    scene.advance(0).await;
    first.abort();
    scene.advance(0).await;
    scene.gate.answer();
    assert!(second.await.unwrap());
    assert_eq!(scene.loads(), 1);
}

#[tokio::test]
async fn a_load_that_is_overtaken_by_news_brings_nothing_old() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    scene.gate.hold();
    let lookaside = scene.lookaside.clone();
    let asking = tokio::spawn(async move { lookaside.read(&[user("ada")]).await.unwrap() });
    scene.advance(0).await; // the store has been read
    scene.set("ada", Status::Away).await;
    scene.advance(0).await; // the watch has delivered
    scene.gate.answer();
    let found = asking.await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().session().declared.as_ref().unwrap().status, Status::Away);
    assert_eq!(scene.shown("ada").await, Some(Status::Away));
}

#[tokio::test]
async fn a_load_that_is_overtaken_by_a_clear_brings_nobody() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    scene.gate.hold();
    let lookaside = scene.lookaside.clone();
    let asking = tokio::spawn(async move { lookaside.read(&[user("ada")]).await.unwrap() });
    scene.advance(0).await;
    scene.clear("ada").await;
    scene.advance(0).await;
    scene.gate.answer();
    assert!(asking.await.unwrap()[0].is_none());
    assert_eq!((scene.shown("ada").await, scene.counted().keys_added), (None, 1));
}

#[tokio::test]
async fn own_writes_are_read_even_if_the_watch_is_silent() {
    let scene = Scene::new().await;
    scene.faults().silence_all();
    let store = Arc::new(scene.gate.clone());
    let here = Statuses::new(store, scene.lookaside.clone(), NodeId::new("here").unwrap());
    for status in [Status::Busy, Status::Away] {
        here.set(vec![Wanted { user: user("ada"), status, message: None, ttl: LASTS }]).await.unwrap();
        assert_eq!(scene.shown("ada").await, Some(status));
    }
    here.clear(&user("ada")).await.unwrap();
    assert_eq!(scene.shown("ada").await, None);
}

#[tokio::test]
async fn a_write_is_stamped_by_the_stores_time_from_the_first_one_on() {
    let clock = super::clock();
    let store = ReferenceStore::new(clock.clone());
    store.faults().jump_clock(600_000);
    let store: Arc<dyn PresenceStore> = Arc::new(store);
    let changes = Changes::of(store.clone());
    let lookaside = Lookaside::start(store.clone(), changes, Arc::new(clock.clone()), Bounds::default());
    let here = Statuses::new(store, lookaside.clone(), NodeId::new("here").unwrap());
    // Before the watch has delivered anything.
    let ttl = Duration::from_secs(5);
    here.set(vec![Wanted { user: user("ada"), status: Status::Busy, message: None, ttl }]).await.unwrap();
    let shown = async || lookaside.read(&[user("ada")]).await.unwrap()[0].is_some();
    clock.advance(Duration::from_secs(4)).await;
    assert!(shown().await);
    clock.advance(Duration::from_secs(1)).await;
    assert!(!shown().await);
}
