//! While the store cannot be reached, or will not be written to.

use super::{Shared, TTL, body, hit, online, pages, rig};
use crate::client::soon;
use crate::rig::{Rig, START, clock};
use page_hits::{Probe, app, policy};
use presence_core::store::Kind;
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::{Fault, ReferenceStore};
use presence_core::{Presence, Timestamp};
use presence_memory::MemoryStore;
use serde_json::json;

async fn assert_degraded(rig: &Rig, body: String, tag: &str) {
    let said = format!(r#"{{"ok":false,"degraded":true,"errors":["[{tag}]"]}}"#);
    assert_eq!(rig.hit(&*body).await.status_and_text(), (202, said.as_str()), "{body}");
}

/// Waits until the cached result of the last probe has expired.
async fn await_next_probe() {
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
}

/// Turns the clock until the process shows numbers that it knows to be true, and owes the store
/// nothing. It tries again by the time of the sockets.
async fn until_fresh(rig: &Rig) {
    soon(async {
        while online(rig).await.get("degraded").is_some() || rig.presence.health().outbox > 0 {
            rig.advance(1).await;
            await_next_probe().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hit_that_the_store_does_not_have_is_accepted_with_the_tag_of_its_problem() {
    for (fault, tag) in [
        (Fault::Fails(Kind::Unavailable), "HIT_ERR_UNAVAILABLE"),
        (Fault::Fails(Kind::Timeout), "HIT_ERR_TIMEOUT"),
        (Fault::Hangs, "HIT_ERR_TIMEOUT"),
        (Fault::Fails(Kind::Rejected), "HIT_ERR_REJECTED"),
        (Fault::Fails(Kind::Corrupt), "HIT_ERR_CORRUPT"),
    ] {
        let shared = Shared::new();
        let rig = shared.process().await;
        hit(&rig, "a", "/", "load").await;
        await_next_probe().await;
        shared.store.faults().inject_all(fault);
        // Including hits that need no write. Each waits for a store that hangs.
        let kinds: &[_] =
            if fault == Fault::Hangs { &["beat"] } else { &["beat", "load", "unload", "unload", "beat"] };
        for kind in kinds {
            assert_degraded(&rig, body("a", "/", kind), tag).await;
        }
        assert_degraded(&rig, body("b", "/x", "load"), tag).await;
        assert_degraded(&rig, body("nobody", "/x", "unload"), tag).await;
        // Invalid hits get their error first.
        assert_eq!(rig.hit("{}").await.status_and_text(), (400, r#"{"ok":false,"error":"sid_required"}"#));
    }
}

#[tokio::test]
async fn a_full_process_and_one_that_ends_accept_hits_all_the_same() {
    let clock = clock();
    let builder = Presence::builder(MemoryStore::with_clock(clock.clone()));
    let builder = builder.clock(clock.clone()).policy(policy(TTL)).max_sessions(1);
    let rig =
        Rig::starting(builder, clock, |presence| app(presence, Probe::NONE, "*".parse().unwrap())).await;
    hit(&rig, "a", "/", "load").await;
    assert_degraded(&rig, body("b", "/", "load"), "HIT_ERR_FULL").await;
    hit(&rig, "a", "/", "beat").await;
    rig.presence.shutdown().await;
    assert_degraded(&rig, body("a", "/", "beat"), "HIT_ERR_SHUTTING_DOWN").await;
}

#[tokio::test]
async fn in_an_outage_the_last_numbers_are_shown_as_degraded_and_no_user_leaves() {
    let shared = Shared::new();
    let rig = shared.process().await;
    hit(&rig, "a", "/", "load").await;
    let mut stream = rig.events("/sse/online").await;
    stream.event().await;
    shared.store.faults().go_down();
    rig.advance(4).await;
    rig.advance(2 * TTL.as_secs()).await;
    // A slow reader misses old states; a new one gets the present state.
    let degraded = online(&rig).await;
    assert_eq!(
        (&degraded["online_total"], &degraded["top_pages"], &degraded["degraded"]),
        (&json!(1), &json!([["/", 1]]), &json!(true))
    );
    shared.store.faults().come_back_empty();
    until_fresh(&rig).await;
    assert_eq!(pages(&rig).await, json!([["/", 1]]));
    assert_eq!(shared.store.contents().sessions.len(), 1);
    hit(&rig, "a", "/", "beat").await;
}

#[tokio::test]
async fn degraded_is_the_last_key_of_the_event() {
    let shared = Shared::new();
    let rig = shared.process().await;
    hit(&rig, "a", "/", "load").await;
    shared.store.faults().go_down();
    assert_degraded(&rig, body("a", "/", "load"), "HIT_ERR_UNAVAILABLE").await;
    assert_eq!(
        rig.events("/sse/online").await.event().await,
        r#"data: {"ts":1710000000,"online_total":1,"top_pages":[["/",1]],"degraded":true}"#
    );
}

#[tokio::test]
async fn a_store_that_stops_responding_is_reported_as_degraded() {
    let shared = Shared::new();
    let rig = shared.process().await;
    shared.store.faults().silence_all();
    rig.advance(6).await;
    assert_eq!(online(&rig).await["degraded"], true);
    shared.store.faults().speak();
    // The processes write again what the store may have lost, before the view counts as fresh.
    rig.advance(5).await;
    assert_eq!(online(&rig).await.get("degraded"), None);
}

#[tokio::test]
async fn a_start_in_a_new_namespace_is_not_reported_as_degraded() {
    // Without the seconds that other tests wait until the view is fresh.
    let clock = ManualClock::at(Timestamp::from_secs(START));
    let store = ReferenceStore::with_shards(clock.clone(), 2);
    let rig =
        Rig::on(store, clock, policy(TTL), |presence| app(presence, Probe::NONE, "*".parse().unwrap())).await;
    assert!(rig.presence.health().view.is_starting());
    for second in 0..6 {
        hit(&rig, "a", "/", "beat").await;
        assert_eq!(online(&rig).await.get("degraded"), None, "{second}");
        rig.advance(1).await;
    }
    assert!(rig.presence.health().view.is_fresh());
}

#[tokio::test]
async fn hits_during_an_outage_are_stored_when_it_is_over() {
    let shared = Shared::new();
    let (one, other) = (shared.process().await, shared.process().await);
    shared.store.faults().go_down();
    assert_degraded(&one, body("a", "/", "load"), "HIT_ERR_UNAVAILABLE").await;
    shared.store.faults().come_back();
    for process in [&one, &other] {
        until_fresh(process).await;
        assert_eq!(pages(process).await, json!([["/", 1]]));
    }
}

#[tokio::test]
async fn readiness_is_that_the_store_answers_and_liveness_is_always() {
    let shared = Shared::new();
    let rig = shared.process().await;
    assert_eq!(rig.get("/readyz").await.status_and_text(), (200, r#"{"ok":true}"#));
    for (fault, error) in [
        (Fault::Fails(Kind::Unavailable), "redis_unavailable"),
        (Fault::Fails(Kind::Rejected), "redis_rejected"),
        (Fault::Hangs, "redis_timeout"),
    ] {
        await_next_probe().await;
        shared.store.faults().inject_all(fault);
        let said = format!(r#"{{"ok":false,"error":"{error}"}}"#);
        assert_eq!(rig.get("/readyz").await.status_and_text(), (503, said.as_str()));
        assert_eq!(rig.get("/healthz").await.status_and_text(), (200, r#"{"ok":true}"#));
    }
    shared.store.faults().restore();
    await_next_probe().await;
    assert_eq!(rig.get("/readyz").await.status_and_text(), (200, r#"{"ok":true}"#));
}

#[tokio::test]
async fn in_memory_it_is_always_ready() {
    let rig = rig().await;
    assert_eq!(rig.get("/readyz").await.status_and_text(), (200, r#"{"ok":true}"#));
}

#[tokio::test]
async fn a_flood_of_questions_asks_the_store_little() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let probe = Probe::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    });
    let questions = (0..100).map(|_| probe.answers());
    let answers = futures_util::future::join_all(questions).await;
    assert!(answers.iter().all(|said| *said == Err(Kind::Timeout)));
    // One at a time; after a timeout of the first, the next in line may ask once more.
    assert!(asked.load(Ordering::SeqCst) <= 2);
}
