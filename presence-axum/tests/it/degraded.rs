//! The response when the store does not accept a hit.

use crate::rig::{Rig, START};
use crate::ws::client::Client;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use presence_axum::{Mount, health, not_found};
use presence_core::store::{
    self, Error, Facts, FeedEvent, ForgetIf, Kind, Misses, Session, Touch, UserRecord,
};
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::ReferenceStore;
use presence_core::{PresenceStore, Timestamp, UserId};
use presence_memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A memory store whose writes fail on request.
#[derive(Clone)]
struct Failing {
    store: MemoryStore,
    fails: Arc<AtomicU8>,
}

const NEVER: u8 = 0;
const UNAVAILABLE: u8 = 1;
const REJECTED: u8 = 2;
const SILENT: u8 = 3;

impl Failing {
    fn check(&self) -> store::Result<()> {
        match self.fails.load(Ordering::SeqCst) {
            UNAVAILABLE => Err(Error::new(Kind::Unavailable, "down")),
            REJECTED => Err(Error::new(Kind::Rejected, "read-only")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl PresenceStore for Failing {
    fn shards(&self) -> u16 {
        self.store.shards()
    }
    fn shard_of(&self, user: &UserId) -> u16 {
        self.store.shard_of(user)
    }
    async fn put(&self, sessions: &[Session]) -> store::Result<()> {
        self.check()?;
        self.store.put(sessions).await
    }
    async fn touch(&self, touches: &[Touch]) -> store::Result<Misses> {
        self.check()?;
        self.store.touch(touches).await
    }
    async fn remember(&self, users: &[UserRecord]) -> store::Result<()> {
        self.store.remember(users).await
    }
    async fn forget(&self, seen: &[ForgetIf]) -> store::Result<()> {
        self.store.forget(seen).await
    }
    async fn load(&self, users: &[UserId]) -> store::Result<Facts> {
        self.store.load(users).await
    }
    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        let fails = Arc::clone(&self.fails);
        let speaks = move |_: &FeedEvent| std::future::ready(fails.load(Ordering::SeqCst) != SILENT);
        self.store.watch().filter(speaks).boxed()
    }
    async fn now(&self) -> store::Result<Timestamp> {
        self.store.now().await
    }
}

async fn rig(max_sessions: usize) -> (Rig, Arc<AtomicU8>) {
    let clock = ManualClock::at(START - crate::rig::WARM_UP);
    let fails = Arc::new(AtomicU8::new(NEVER));
    let store = Failing { store: MemoryStore::with_clock(clock.clone()), fails: Arc::clone(&fails) };
    let rig = Rig::on(store, clock, max_sessions, |presence| {
        let ready = axum::routing::get(health::ready).with_state(presence.clone());
        Mount::new(presence).routes().route("/readyz", ready).fallback(not_found)
    });
    (rig.await, fails)
}

#[tokio::test]
async fn a_hit_the_store_does_not_have_yet_is_accepted_and_shown() {
    let (rig, fails) = rig(100).await;
    fails.store(UNAVAILABLE, Ordering::SeqCst);
    let reply = rig.hit(r#"{"user":"a","kind":"enter"}"#).await;
    assert_eq!(reply.status_and_text(), (202, r#"{"ok":false,"degraded":true,"error":"not yet stored"}"#));
    assert_eq!(rig.get("/v1/counts").await.json()["online"], 1);
    let health = rig.get("/v1/health").await;
    assert_eq!((health.status, &health.json()["store"]), (200, &"down".into()));
    assert_eq!(rig.get("/readyz").await.status_and_text(), (503, r#"{"ok":false,"error":"not ready"}"#));
    fails.store(NEVER, Ordering::SeqCst);
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    // The store counts as up again after everything in the outbox has been written.
    crate::client::soon(async {
        while rig.get("/readyz").await.status_and_text() != (200, r#"{"ok":true}"#) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_start_in_a_new_namespace_is_no_outage() {
    // Without the seconds in which other tests wait for a fresh view.
    let clock = ManualClock::at(START);
    let rig = Rig::on(ReferenceStore::new(clock.clone()), clock, 100, |presence| {
        let ready = axum::routing::get(health::ready).with_state(presence.clone());
        Mount::new(presence).routes().route("/readyz", ready)
    })
    .await;
    for second in 0..3 {
        assert!(rig.presence.health().view.is_starting(), "{second}");
        rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
        let health = rig.get("/v1/health").await;
        assert_eq!((health.status, &health.json()["store"]), (200, &"up".into()), "{second}");
        // Only processes with a fresh view should get traffic.
        assert_eq!(rig.get("/readyz").await.status, 503, "{second}");
        rig.advance(1).await;
    }
    rig.advance(2).await;
    assert_eq!(rig.get("/v1/health").await.json()["view"], "fresh");
    assert_eq!(rig.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_hit_the_store_refuses_is_refused_and_shown_to_nobody() {
    let (rig, fails) = rig(100).await;
    fails.store(REJECTED, Ordering::SeqCst);
    let reply = rig.hit(r#"{"user":"a","kind":"enter"}"#).await;
    assert_eq!(reply.status_and_text(), (503, r#"{"ok":false,"error":"store"}"#));
    assert_eq!(rig.get("/v1/counts").await.json()["online"], 0);
}

#[tokio::test]
async fn open_streams_report_a_stale_view() {
    let (rig, fails) = rig(100).await;
    let mut stream = rig.events("/v1/sse/diff").await;
    assert_eq!(stream.event().await, "retry: 2000");
    assert!(stream.event().await.contains(r#""view":"fresh""#));
    fails.store(SILENT, Ordering::SeqCst);
    rig.advance(5).await;
    assert_eq!(stream.event().await, "event: presence_view\ndata: {\"view\":\"stale\"}");
    let mut late = rig.events("/v1/sse/diff?last_event_id=0000000000000000-1").await;
    assert_eq!(late.event().await, "retry: 2000");
    assert!(late.event().await.contains(r#""view":"stale""#));
    fails.store(NEVER, Ordering::SeqCst);
    rig.advance(2).await;
    assert_eq!(stream.event().await, "event: presence_view\ndata: {\"view\":\"fresh\"}");
}

#[tokio::test]
async fn an_open_socket_reports_each_change_of_the_view() {
    let (rig, fails) = rig(100).await;
    let mut socket = Client::connect(rig.address).await;
    while socket.of("presence_view").await["view"] != "fresh" {}
    for _ in 0..3 {
        fails.store(SILENT, Ordering::SeqCst);
        rig.advance(5).await;
        while socket.of("presence_view").await["view"] != "stale" {}
        fails.store(NEVER, Ordering::SeqCst);
        rig.advance(5).await;
        while socket.of("presence_view").await["view"] != "fresh" {}
    }
}

#[tokio::test]
async fn a_session_beyond_the_limit_is_refused_and_existing_ones_are_renewed() {
    let (rig, _) = rig(1).await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    let reply = rig.hit(r#"{"user":"b","kind":"enter"}"#).await;
    assert_eq!(reply.status_and_text(), (503, r#"{"ok":false,"error":"full"}"#));
    assert_eq!(reply.header("retry-after"), Some("5"));
    rig.hits(r#"{"user":"a"}"#).await;
}

#[tokio::test]
async fn a_session_beyond_the_memory_limit_is_refused_and_existing_ones_are_renewed() {
    let clock = ManualClock::at(START - crate::rig::WARM_UP);
    let set = |builder: presence_core::Builder| builder.max_bytes(6_000);
    let app = |presence| Mount::new(presence).routes();
    let rig = Rig::built(MemoryStore::with_clock(clock.clone()), clock, set, app).await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    let large = format!(r#"{{"user":"b","kind":"enter","topics":["{}"]}}"#, "x".repeat(1_000));
    rig.hits(&large).await;
    let reply = rig.hit(&large.replace(r#""b""#, r#""c""#).replace("xx", "y")).await;
    assert_eq!(reply.status_and_text(), (503, r#"{"ok":false,"error":"full"}"#));
    assert_eq!(reply.header("retry-after"), Some("5"));
    rig.hits(r#"{"user":"a"}"#).await;
    rig.hits(r#"{"user":"b","kind":"leave"}"#).await;
    assert_eq!(rig.get("/v1/counts").await.json()["online"], 2);
}

#[tokio::test]
async fn a_user_in_too_many_topics_gets_an_error() {
    let clock = ManualClock::at(START - crate::rig::WARM_UP);
    let set = |builder: presence_core::Builder| builder.max_topics_per_user(3);
    let app = |presence| Mount::new(presence).routes();
    let rig = Rig::built(MemoryStore::with_clock(clock.clone()), clock, set, app).await;
    rig.hits(r#"{"user":"a","session":"1","kind":"enter","topics":["x","y"]}"#).await;
    rig.hits(r#"{"user":"a","session":"2","kind":"enter","topics":["x"]}"#).await;
    let reply = rig.hit(r#"{"user":"a","session":"3","kind":"enter","topics":["x"]}"#).await;
    assert_eq!(reply.status_and_text(), (429, r#"{"ok":false,"error":"too many topics"}"#));
    rig.hits(r#"{"user":"a","session":"1","topics":["x","z"]}"#).await;
    rig.hits(r#"{"user":"b","kind":"enter","topics":["x","y","z"]}"#).await;
}

#[tokio::test]
async fn a_process_that_shuts_down_refuses_hits() {
    let (rig, _) = rig(100).await;
    rig.presence.shutdown().await;
    assert_eq!(
        rig.hit(r#"{"user":"a"}"#).await.status_and_text(),
        (503, r#"{"ok":false,"error":"shutting down"}"#)
    );
}
