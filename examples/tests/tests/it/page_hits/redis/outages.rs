//! Redis stops and comes back.

use super::{Process, meanwhile, server};
use crate::client::{Events, soon};
use serde_json::{Value, json};
use std::sync::Arc;
use test_servers::redis::Redis;

/// Waits for such an event on an open stream, and asserts that no event shows a user leaving.
async fn sees(stream: &mut Events, what: impl Fn(&Value) -> bool) {
    soon(async {
        loop {
            let data = stream.data().await;
            assert!(data["online_total"].as_u64() >= Some(2), "{data}");
            if what(&data) {
                return;
            }
        }
    })
    .await;
}

fn is_degraded(data: &Value) -> bool {
    data["degraded"] == true
}

/// Two processes, two visitors, and a Redis that stops and comes back in this way.
async fn drill(goes: fn(&Redis), comes_back: fn(&Redis), tag: &str, not_ready: &str) {
    let redis = server().await;
    let (one, other) = (Process::on(&redis).await, Process::on(&redis).await);
    one.hit("a", "/", "load").await;
    other.hit("b", "/x", "load").await;
    one.shows(json!([["/", 1], ["/x", 1]])).await;
    let mut stream = one.watch().await;
    sees(&mut stream, |data| !is_degraded(data)).await;

    meanwhile({
        let redis = Arc::clone(&redis);
        move || goes(&redis)
    })
    .await;
    let degraded = format!(r#"{{"ok":false,"degraded":true,"errors":["[{tag}]"]}}"#);
    soon(async { while one.post_hit("a", "/", "load").await.status_and_text() != (202, &*degraded) {} })
        .await;
    for (sid, kind) in [("a", "beat"), ("new", "load"), ("nobody", "unload")] {
        assert_eq!(one.post_hit(sid, "/", kind).await.status_and_text(), (202, &*degraded), "{kind}");
    }
    let said = format!(r#"{{"ok":false,"error":"{not_ready}"}}"#);
    assert_eq!(one.get("/readyz").await.status_and_text(), (503, &*said));
    assert_eq!(one.get("/healthz").await.status_and_text(), (200, r#"{"ok":true}"#));
    assert_eq!(
        one.post_hit("", "/", "load").await.status_and_text(),
        (400, r#"{"ok":false,"error":"sid_required"}"#)
    );
    sees(&mut stream, |data| is_degraded(data) && data["top_pages"] == json!([["/", 2], ["/x", 1]])).await;

    meanwhile({
        let redis = Arc::clone(&redis);
        move || comes_back(&redis)
    })
    .await;
    sees(&mut stream, |data| !is_degraded(data)).await;
    one.takes("a", "/", "beat").await;
    assert_eq!(one.get("/readyz").await.status, 200);
    // Other processes get the hits of the meantime, and so does a new process, which has only the
    // data in Redis.
    for process in [&other, &Process::on(&redis).await] {
        process.shows(json!([["/", 2], ["/x", 1]])).await;
    }
}

#[tokio::test]
async fn after_redis_restarts_empty_no_user_is_lost() {
    drill(Redis::kill, Redis::restart, "HIT_ERR_UNAVAILABLE", "redis_unavailable").await;
}

#[tokio::test]
async fn after_a_hang_of_redis_no_user_is_lost() {
    drill(Redis::pause, Redis::resume, "HIT_ERR_TIMEOUT", "redis_timeout").await;
}

#[tokio::test]
async fn it_starts_while_redis_is_down_and_serves_when_that_comes() {
    let redis = server().await;
    redis.kill();
    let process = Process::on(&redis).await;
    assert_eq!(process.post_hit("a", "/", "load").await.status, 202);
    assert!(is_degraded(&process.online().await));
    assert_eq!(process.get("/readyz").await.status, 503);
    meanwhile({
        let redis = Arc::clone(&redis);
        move || redis.restart()
    })
    .await;
    process.shows(json!([["/", 1]])).await;
    process.takes("a", "/", "load").await;
    assert_eq!(process.get("/readyz").await.status, 200);
}
