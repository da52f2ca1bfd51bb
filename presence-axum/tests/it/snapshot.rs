//! The snapshot stream, and tickers.

use crate::client::events;
use crate::rig::Rig;
use async_trait::async_trait;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use presence_axum::limits::{Limiter, Permit};
use presence_axum::{Limits, Mount, sse};
use presence_core::{Clock, Presence, Timestamp};
use presence_memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[tokio::test]
async fn the_first_event_is_sent_at_once_and_the_others_at_each_tick() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"bob","kind":"enter"}"#).await;
    rig.hits(r#"{"user":"Alice","kind":"enter"}"#).await;
    rig.hits(r#"{"user":"é","kind":"enter","idle_ms":400000}"#).await;
    let mut stream = rig.events("/v1/sse/snapshot").await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000000000,"view":"fresh","online":3,"active":2,"idle":1,"active_users":["Alice","bob"],"idle_users":["é"]}"#
    );
    rig.hits(r#"{"user":"bob","kind":"leave","now":true}"#).await;
    rig.advance(2).await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000002000,"view":"fresh","online":2,"active":1,"idle":1,"active_users":["Alice"],"idle_users":["é"]}"#
    );
    rig.advance(2).await;
    assert_eq!(stream.data().await["ts"], 1_710_000_004_000_u64);
}

#[tokio::test]
async fn proxies_are_told_to_pass_events_on() {
    let rig = Rig::new().await;
    for path in ["/v1/sse/snapshot", "/v1/sse/diff"] {
        let stream = rig.events(path).await;
        let header = |name: &str| stream.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-cache, no-transform");
        assert_eq!(header("x-accel-buffering"), "no");
    }
}

#[tokio::test]
async fn a_topic_has_a_stream_of_its_own() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["/x"]}"#).await;
    rig.hits(r#"{"user":"b","kind":"enter"}"#).await;
    let mut stream = rig.events("/v1/sse/snapshot?topic=/x").await;
    assert_eq!(stream.data().await["active_users"], serde_json::json!(["a"]));
    let mut empty = rig.events("/v1/sse/snapshot?topic=/later").await;
    assert_eq!(empty.data().await["online"], 0);
    rig.hits(r#"{"user":"b","topics":["/later"]}"#).await;
    rig.advance(2).await;
    assert_eq!(empty.data().await["online"], 1);
    assert_eq!(
        rig.get("/v1/sse/snapshot?topic=").await.status_and_text(),
        (400, r#"{"ok":false,"error":"invalid topic"}"#)
    );
}

#[tokio::test]
async fn the_tick_can_be_set() {
    let rig = Rig::with(|mount| mount.tick(Duration::from_secs(5))).await;
    let mut stream = rig.events("/v1/sse/snapshot").await;
    stream.event().await;
    for tick in 1..4 {
        rig.advance(5).await;
        assert_eq!(stream.data().await["ts"], 1_710_000_000_000_u64 + 5_000 * tick);
    }
}

/// A service with a format of its own: each frame has the number of frames before it.
fn counting(made: &Arc<AtomicU64>) -> impl FnOnce(Presence) -> Router {
    let made = Arc::clone(made);
    move |presence| {
        let ticker = sse::Ticker::new(&presence, Duration::from_secs(2), move |_| {
            Bytes::from(format!("data: {}\n\n", made.fetch_add(1, Ordering::SeqCst)))
        });
        let handler = move |permit: Permit| async move { ticker.response(permit) };
        Router::new().route("/numbers", get(handler)).with_state(Limiter::new(Limits::default()))
    }
}

#[tokio::test]
async fn a_frame_is_made_once_for_all_viewers() {
    let made = Arc::default();
    let rig = Rig::serving(counting(&made)).await;
    let mut viewers = Vec::new();
    for _ in 0..5 {
        let mut viewer = rig.events("/numbers").await;
        viewer.event().await;
        viewers.push(viewer);
    }
    let before = made.load(Ordering::SeqCst);
    for tick in 0..3 {
        rig.advance(2).await;
        for viewer in &mut viewers {
            assert_eq!(viewer.event().await, format!("data: {}", before + tick));
        }
    }
    assert_eq!(made.load(Ordering::SeqCst), before + 3);
}

#[tokio::test]
async fn without_viewers_no_frame_is_made_and_the_next_viewer_restarts_the_ticker() {
    let made = Arc::default();
    let rig = Rig::serving(counting(&made)).await;
    let mut viewer = rig.events("/numbers").await;
    assert_eq!(viewer.event().await, "data: 0");
    drop(viewer);
    // The server learns of it when it next writes, or by the closed connection: at some tick soon.
    let mut last = 0;
    for _ in 0..1_000 {
        rig.advance(2).await;
        tokio::time::sleep(Duration::from_millis(1)).await; // lets the socket be read
        if made.load(Ordering::SeqCst) == last {
            break;
        }
        last = made.load(Ordering::SeqCst);
    }
    rig.advance(600).await;
    assert_eq!(made.load(Ordering::SeqCst), last);
    let mut viewer = rig.events("/numbers").await;
    assert_eq!(viewer.event().await, format!("data: {last}"));
    rig.advance(2).await;
    assert_eq!(viewer.event().await, format!("data: {}", last + 1));
}

#[tokio::test]
async fn a_frame_that_cannot_be_made_does_not_end_the_ticker_for_good() {
    let rig = Rig::serving(|presence| {
        let bad = presence.now().as_secs() + 2;
        let ticker = sse::Ticker::new(&presence, Duration::from_secs(2), move |presence| {
            let now = presence.now().as_secs();
            assert_ne!(now, bad, "this panic is part of the test");
            Bytes::from(format!("data: {now}\n\n"))
        });
        let handler = move |permit: Permit| async move { ticker.response(permit) };
        Router::new().route("/fragile", get(handler)).with_state(Limiter::new(Limits::default()))
    })
    .await;
    let mut first = rig.events("/fragile").await;
    assert_eq!(first.event().await, "data: 1710000000");
    rig.advance(3).await;
    let mut second = rig.events("/fragile").await;
    assert_eq!(second.event().await, "data: 1710000003");
    rig.advance(2).await;
    assert_eq!([first.event().await, second.event().await], ["data: 1710000005"; 2]);
}

#[tokio::test]
async fn a_new_viewer_sees_a_hit_that_came_just_before() {
    let rig = Rig::new().await;
    let mut first = rig.events("/v1/sse/snapshot").await;
    assert_eq!(first.data().await["online"], 0);
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    let mut second = events(rig.address, "/v1/sse/snapshot", &[]).await;
    assert_eq!(second.data().await["online"], 1);
}

/// A clock that moves when work is done.
#[derive(Debug, Clone, Default)]
struct Worked(Arc<AtomicU64>);

#[async_trait]
impl Clock for Worked {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn an_expensive_small_frame_is_not_made_for_each_new_viewer() {
    let (clock, made) = (Worked::default(), Arc::new(AtomicU64::new(0)));
    let presence = Presence::builder(MemoryStore::new()).clock(clock.clone()).start().unwrap();
    let (working, counting) = (clock.clone(), Arc::clone(&made));
    let ticker = sse::Ticker::new(&presence, Duration::from_secs(2), move |_| {
        working.0.fetch_add(50, Ordering::SeqCst);
        counting.fetch_add(1, Ordering::SeqCst);
        Bytes::from_static(b"data: 1\n\n")
    });
    let limiter = Limiter::new(Limits::default());
    let _viewers: Vec<_> = (0..100).map(|_| ticker.watch(limiter.admit(None).unwrap())).collect();
    assert_eq!(made.load(Ordering::SeqCst), 1);
    clock.0.fetch_add(500, Ordering::SeqCst);
    let _late = ticker.watch(limiter.admit(None).unwrap());
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_mount_can_be_nested_and_its_handlers_mounted_alone() {
    use axum::extract::FromRef;
    #[derive(Clone)]
    struct Host(Mount);
    impl FromRef<Host> for Mount {
        fn from_ref(host: &Host) -> Self {
            host.0.clone()
        }
    }
    let rig = Rig::serving(|presence| {
        let mount = Mount::new(presence);
        Router::<Host>::new()
            .nest("/presence", mount.routes())
            .route("/live", get(sse::snapshot))
            .with_state(Host(mount))
    })
    .await;
    assert_eq!(rig.get("/presence/v1/counts").await.status, 200);
    assert_eq!(rig.events("/live").await.data().await["online"], 0);
}
