//! E1, R1, and the part of P3 that concerns an unreachable store: errors and repetitions.

use super::scene::{Scene, user};
use super::{Cannot, Harness};
use crate::store::{Error, Facts, FeedEvent, Kind, Misses, PresenceStore};
use crate::time::Timestamp;
use futures_util::FutureExt;
use futures_util::future::ready;
use futures_util::stream::StreamExt;
use std::sync::Arc;
use std::time::Duration;

/// An unreachable store; `None`, after printing the reason, if the harness cannot provide one.
async fn broken<H: Harness>(harness: &H) -> Option<Arc<dyn PresenceStore>> {
    match harness.open_broken().await {
        Ok(store) => Some(store),
        Err(Cannot(why)) => {
            eprintln!("E1 is not tested: {why}");
            None
        }
    }
}

/// E1: an unreachable store reports that itself, in time, and as a retryable error.
pub async fn e1_an_unreachable_store_returns_a_retryable_error<H: Harness>(harness: &H) {
    let Some(broken) = broken(harness).await else { return };
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    let touch = [scene.touch(&session, 20, 20)];
    let seen = [scene.seen(&session, 10, 10)];
    let records = [crate::model::UserRecord::new(user("u"))];
    let sessions = [session];
    let calls = async {
        [
            broken.put(&sessions).await.err(),
            broken.touch(&touch).await.err(),
            broken.remember(&records).await.err(),
            broken.forget(&seen).await.err(),
            broken.load(&[user("u")]).await.err(),
            broken.now().await.err(),
        ]
    };
    let errors = tokio::select! {
        errors = calls => errors,
        () = harness.advance(harness.patience()) => panic!("a call waits for ever"),
    };
    for error in errors {
        let kind = error.as_ref().map(Error::kind);
        assert!(matches!(kind, Some(Kind::Unavailable | Kind::Timeout)), "{error:?}");
    }
}

/// E1: the watch of an unreachable store ends or is silent; it never claims to be synced or alive.
pub async fn e1_a_watch_of_an_unreachable_store_reports_nothing<H: Harness>(harness: &H) {
    let Some(broken) = broken(harness).await else { return };
    let claims = |message: &FeedEvent| matches!(message, FeedEvent::Synced { .. } | FeedEvent::Alive { .. });
    let mut claimed = broken.watch().filter(|message| ready(claims(message)));
    let claim = tokio::select! {
        claim = claimed.next() => claim,
        () = harness.advance(Duration::from_secs(4)) => None,
    };
    assert_eq!(claim, None);
}

/// P3: an empty batch does no I/O.
pub async fn p3_an_empty_batch_does_no_io<H: Harness>(harness: &H) {
    let store = match harness.open_broken().await {
        Ok(store) => store,
        // Without an unreachable store, checks at least that the call succeeds.
        Err(Cannot(_)) => harness.open("").await,
    };
    assert!(store.put(&[]).await.is_ok());
    assert_eq!(store.touch(&[]).await.ok(), Some(Misses::new()));
    assert!(store.remember(&[]).await.is_ok());
    assert!(store.forget(&[]).await.is_ok());
    assert_eq!(store.load(&[]).await.ok(), Some(Facts::default()));
}

/// R1: a call that was cancelled may have been carried out or not; repeating it leads to
/// the same state.
pub async fn r1_a_cancelled_call_may_be_repeated<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    let (sessions, touch) = ([session.clone()], [scene.touch(&session, 20, 15)]);
    // Polled once and dropped: requests that were sent are in flight.
    let _ = scene.store.put(&sessions).now_or_never();
    scene.put(&sessions).await;
    let _ = scene.store.touch(&touch).now_or_never();
    assert_eq!(scene.touched(&touch).await, Misses::new());
    let times = |millis: (u64, u64)| (scene.at(millis.0), scene.at(millis.1));
    let stored = |session: Option<crate::model::Session>| session.map(|s| (s.seen_at, s.active_at));
    assert_eq!(stored(scene.load_one("u").await), Some(times((20, 15))));
    let mut newer = scene.session("u", 30);
    newer.active_at = Timestamp::ZERO;
    scene.put(&[newer]).await;
    // Repeats the first calls, as a process that got no answer would.
    scene.put(&sessions).await;
    assert_eq!(scene.touched(&touch).await, Misses::new());
    assert_eq!(stored(scene.load_one("u").await), Some(times((30, 15))));
    let seen = [scene.seen(&session, 30, 30)];
    let _ = scene.store.forget(&seen).now_or_never();
    scene.forget(&seen).await;
    scene.forget(&seen).await;
    assert_eq!(scene.load_one("u").await, None);
}
