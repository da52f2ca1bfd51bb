//! A store that fails, stops responding, or loses its data.

use super::{Scene, user};
use presence_core::store::{ForgetIf, Kind, PresenceStore};
use presence_core::testing::conformance::{Call, Fault};
use presence_core::{SessionId, SessionKey, Status, Timestamp};
use std::time::Duration;

#[tokio::test]
async fn a_node_reports_an_error_for_unknown_users_and_never_that_they_are_gone() {
    let scene = Scene::new().await;
    scene.set("known", Status::Busy).await;
    assert_eq!(scene.shown("known").await, Some(Status::Busy));
    scene.faults().go_down();
    scene.advance(10).await;
    assert!(scene.lookaside.is_stale());
    assert_eq!(scene.read("unknown").await.unwrap_err().kind(), Kind::Unavailable);
    assert!(scene.lookaside.read(&[user("known"), user("unknown")]).await.is_err());
    // A cached user is still shown.
    assert_eq!(scene.shown("known").await, Some(Status::Busy));
    // But not for ever: the status may have been set again meanwhile.
    scene.advance(3_600).await;
    assert_eq!(scene.read("known").await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(scene.counted().keys_added, 1);
}

#[tokio::test]
async fn an_error_reaches_all_waiting_reads_and_is_not_cached() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    scene.faults().inject(Call::Load, Fault::Fails(Kind::Timeout));
    let (one, other) = tokio::join!(scene.read("ada"), scene.read("ada"));
    assert_eq!((one.unwrap_err().kind(), other.unwrap_err().kind()), (Kind::Timeout, Kind::Timeout));
    scene.faults().restore();
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
}

#[tokio::test]
async fn a_silent_watch_makes_the_view_stale_until_it_delivers_again() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    scene.faults().silence(1);
    scene.advance(5).await;
    assert!(scene.lookaside.is_stale(), "one silent shard is enough");
    scene.faults().silence_all();
    scene.set("ada", Status::Away).await;
    scene.advance(1).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy), "what it knows, and it says that it is old");
    scene.faults().speak();
    scene.advance(5).await;
    assert!(!scene.lookaside.is_stale());
    assert_eq!(scene.shown("ada").await, Some(Status::Away));
}

#[tokio::test]
async fn changes_during_a_gap_of_the_watch_are_known_after_its_snapshot() {
    let scene = Scene::new().await;
    for name in ["changed", "cleared", "lapsed", "forgotten", "same"] {
        let lasts = if name == "lapsed" { 5 } else { 3_600 };
        scene.set_for(name, Status::Busy, Duration::from_secs(lasts)).await;
        assert_eq!(scene.shown(name).await, Some(Status::Busy));
    }
    scene.faults().inject(Call::Watch, Fault::Hangs);
    scene.faults().end_feeds();
    scene.advance(5).await;
    assert!(scene.lookaside.is_stale());
    scene.set("changed", Status::Away).await;
    scene.clear("cleared").await;
    let key = SessionKey { user: user("forgotten"), id: SessionId::new("status").unwrap() };
    let placed_at = scene.held("forgotten").unwrap().placement.placed_at;
    scene.store.forget(&[ForgetIf::Session { key, seen_at: Timestamp::ZERO, placed_at }]).await.unwrap();
    scene.faults().restore();
    scene.faults().end_feeds();
    fresh(&scene).await;
    assert_eq!(scene.shown("changed").await, Some(Status::Away));
    assert_eq!(scene.shown("same").await, Some(Status::Busy));
    for name in ["cleared", "lapsed", "forgotten"] {
        assert_eq!(scene.shown(name).await, None, "{name}");
    }
}

#[tokio::test]
async fn a_store_that_comes_back_empty_is_believed() {
    let scene = Scene::new().await;
    scene.set("ada", Status::Busy).await;
    assert_eq!(scene.shown("ada").await, Some(Status::Busy));
    scene.faults().go_down();
    scene.advance(5).await;
    scene.faults().come_back_empty();
    fresh(&scene).await;
    assert_eq!(scene.shown("ada").await, None);
}

/// Waits until the watch has begun anew: its pause is real time.
async fn fresh(scene: &Scene) {
    for _ in 0..500 {
        scene.advance(1).await;
        if !scene.lookaside.is_stale() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the watch does not come back");
}
