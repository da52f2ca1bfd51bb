//! How much is kept.

use super::{Scene, user};
use hub_and_spoke::lookaside::Bounds;
use presence_core::{Status, UserId};

const SMALL: Bounds = Bounds { bytes: 20_000, counters: 1_000 };

#[tokio::test]
async fn the_watch_adds_no_user_to_the_cache() {
    let scene = Scene::new().await;
    for i in 0..1_000 {
        scene.set(&format!("user-{i}"), Status::Busy).await;
    }
    scene.advance(1).await;
    assert_eq!(scene.counted().keys_added, 0);
}

#[tokio::test]
async fn bounds_that_nothing_reaches_take_no_memory() {
    let scene = Scene::of(Bounds { bytes: u64::MAX, counters: usize::MAX }).await;
    scene.set("ada", Status::Busy).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    let scene = Scene::of(SMALL).await;
    for i in 0..500 {
        scene.set(&format!("user-{i}"), Status::Busy).await;
    }
    for i in 0..500 {
        assert_eq!(scene.shown(&format!("user-{i}")).await, Some(Status::Busy));
        let counted = scene.counted();
        assert!(counted.cost_added - counted.cost_evicted <= SMALL.bytes, "{counted:?}");
    }
    let counted = scene.counted();
    assert!(counted.keys_added == 500 && counted.keys_evicted > 400, "{counted:?}");
}

#[tokio::test]
async fn a_scan_over_many_users_does_not_evict_frequently_read_ones() {
    let scene = Scene::of(SMALL).await;
    let often: Vec<UserId> = (0..10).map(|i| user(&format!("often-{i}"))).collect();
    for i in 0..1_000 {
        scene.set(&format!("once-{i}"), Status::Away).await;
    }
    for name in &often {
        scene.set(name.as_str(), Status::Busy).await;
    }
    // How often somebody is asked for is counted from when it matters: when there is little room
    // left.
    for i in 0..100 {
        scene.shown(&format!("once-{i}")).await;
    }
    for _ in 0..20 {
        scene.lookaside.read(&often).await.unwrap();
    }
    for i in 100..1_000 {
        scene.shown(&format!("once-{i}")).await;
    }
    let before = scene.counted().hits;
    scene.lookaside.read(&often).await.unwrap();
    let at_hand = scene.counted().hits - before;
    // How often somebody was asked for is estimated, so that one or the other may have had bad
    // luck.
    assert!(at_hand >= 7, "{at_hand} of 10 are still at hand");
}
