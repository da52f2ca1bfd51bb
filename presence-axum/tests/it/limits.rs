//! Bounds.

use crate::client::{events, send};
use crate::rig::Rig;
use presence_axum::Limits;

async fn rig(limits: Limits) -> Rig {
    Rig::with(|mount| mount.limits(limits)).await
}

#[tokio::test]
async fn a_client_with_too_many_streams_is_told_429() {
    let rig = rig(Limits { streams_per_client: Some(1), ..Limits::default() }).await;
    let held = rig.events("/v1/sse/snapshot").await;
    let reply = rig.get("/v1/sse/diff").await;
    assert_eq!(reply.said(), (429, r#"{"ok":false,"error":"too many streams"}"#));
    assert_eq!(reply.header("retry-after"), Some("5"));
    drop(held);
}

#[tokio::test]
async fn a_process_with_too_many_streams_answers_503_until_one_closes() {
    let rig = rig(Limits { streams: 1, ..Limits::default() }).await;
    let held = rig.events("/v1/sse/diff").await;
    assert_eq!(rig.get("/v1/sse/snapshot").await.said(), (503, r#"{"ok":false,"error":"full"}"#));
    drop(held);
    let mut refused = 0;
    while rig.events("/v1/sse/snapshot").await.status != 200 {
        refused += 1; // the server has yet to see the closed connection
        assert!(refused < 10_000);
    }
}

#[tokio::test]
async fn a_forwarded_address_counts_behind_a_trusted_proxy_only() {
    let limits = Limits { streams_per_client: Some(1), ..Limits::default() };
    let open = async |rig: &Rig, forwarded: &str| {
        events(rig.address, "/v1/sse/snapshot", &[("x-forwarded-for", forwarded)]).await
    };
    let direct = rig(limits.clone()).await;
    let _one = open(&direct, "1.1.1.1").await;
    assert_eq!(open(&direct, "2.2.2.2").await.status, 429);

    let behind = rig(Limits { trusted_proxies: 1, ..limits }).await;
    let _one = open(&behind, "1.1.1.1").await;
    let _other = open(&behind, "2.2.2.2").await;
    assert_eq!(open(&behind, "3.3.3.3, 1.1.1.1").await.status, 429);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_told_413_however_it_is_sent() {
    let rig = rig(Limits { body: 100, ..Limits::default() }).await;
    let full = format!(r#"{{"user":"{}"}}"#, "a".repeat(89));
    assert_eq!(full.len(), 100);
    rig.hits(&full).await;
    let over = format!("{full} ");
    assert_eq!(rig.hit(&over).await.said(), (413, r#"{"ok":false,"error":"too large"}"#));
    assert_eq!(rig.hit(&"x".repeat(1_000_000)).await.status, 413);
    let waiting = send(rig.address, "POST", "/v1/hit", &[("expect", "100-continue")], over).await;
    assert_eq!(waiting.status, 413);
}
