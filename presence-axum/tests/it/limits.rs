//! Limits.

use crate::client::{events, send};
use crate::rig::Rig;
use presence_axum::Limits;
use presence_axum::limits::Quota;

async fn rig(limits: Limits) -> Rig {
    Rig::with(|mount| mount.limits(limits)).await
}

#[tokio::test]
async fn a_client_with_too_many_streams_gets_429() {
    let rig = rig(Limits::default().streams_per_client(1)).await;
    let held = rig.events("/v1/sse/snapshot").await;
    let reply = rig.get("/v1/sse/diff").await;
    assert_eq!(reply.status_and_text(), (429, r#"{"ok":false,"error":"too many streams"}"#));
    assert_eq!(reply.header("retry-after"), Some("5"));
    drop(held);
}

#[tokio::test]
async fn a_process_with_too_many_streams_returns_503_until_one_closes() {
    let rig = rig(Limits::default().streams(1)).await;
    let held = rig.events("/v1/sse/diff").await;
    assert_eq!(rig.get("/v1/sse/snapshot").await.status_and_text(), (503, r#"{"ok":false,"error":"full"}"#));
    drop(held);
    let mut refused = 0;
    while rig.events("/v1/sse/snapshot").await.status != 200 {
        refused += 1; // the server has yet to see the closed connection
        assert!(refused < 10_000);
    }
}

#[tokio::test]
async fn a_forwarded_address_counts_behind_a_trusted_proxy_only() {
    let limits = Limits::default().streams_per_client(1);
    let open = async |rig: &Rig, forwarded: &str| {
        events(rig.address, "/v1/sse/snapshot", &[("x-forwarded-for", forwarded)]).await
    };
    let direct = rig(limits.clone()).await;
    let _one = open(&direct, "1.1.1.1").await;
    assert_eq!(open(&direct, "2.2.2.2").await.status, 429);

    let behind = rig(limits.trusted_proxies(1)).await;
    let _one = open(&behind, "1.1.1.1").await;
    let _other = open(&behind, "2.2.2.2").await;
    assert_eq!(open(&behind, "3.3.3.3, 1.1.1.1").await.status, 429);
}

#[tokio::test]
async fn a_body_beyond_the_limit_gets_413_however_it_is_sent() {
    let rig = rig(Limits::default().body(100)).await;
    let full = format!(r#"{{"user":"{}"}}"#, "a".repeat(89));
    assert_eq!(full.len(), 100);
    rig.hits(&full).await;
    let over = format!("{full} ");
    assert_eq!(rig.hit(&over).await.status_and_text(), (413, r#"{"ok":false,"error":"too large"}"#));
    assert_eq!(rig.hit(&"x".repeat(1_000_000)).await.status, 413);
    let waiting = send(rig.address, "POST", "/v1/hit", &[("expect", "100-continue")], over).await;
    assert_eq!(waiting.status, 413);
}

#[tokio::test]
async fn a_client_beyond_its_rate_of_hits_or_queries_gets_a_retry_after() {
    let quota = Quota::per_minute(60).map(|quota| quota.burst(2));
    let limits = Limits::default().hits_per_client(quota).queries_per_client(quota);
    let rig = rig(limits).await;
    for user in ["a", "b"] {
        rig.hits(&format!(r#"{{"user":"{user}"}}"#)).await;
        assert_eq!(rig.get("/v1/counts").await.status, 200);
    }
    let expected = (429, r#"{"ok":false,"error":"too many requests"}"#);
    let refused = rig.hit(r#"{"user":"c"}"#).await;
    assert_eq!((refused.status_and_text(), refused.header("retry-after")), (expected, Some("1")));
    for path in ["/v1/counts", "/v1/list", "/v1/users/a", "/v1/users?ids=a", "/v1/topics", "/v1/health"] {
        assert_eq!(rig.get(path).await.status_and_text(), expected, "{path}");
    }
    for path in ["/v1/sse", "/v1/sse/snapshot", "/v1/sse/diff"] {
        assert_eq!(rig.get(path).await.status_and_text(), expected, "{path}");
    }
    rig.advance(1).await;
    rig.hits(r#"{"user":"c"}"#).await;
    assert_eq!(rig.get("/v1/counts").await.json()["online"], 3, "nothing of what was refused is stored");
}

#[tokio::test]
async fn a_query_for_many_rows_counts_as_many() {
    let quota = Quota::per_minute(60).map(|quota| quota.burst(30));
    let rig = rig(Limits::default().queries_per_client(quota)).await;
    let ids = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for path in
        ["/v1/list?limit=1000".to_owned(), "/v1/topics?limit=1000".to_owned(), format!("/v1/users?ids={ids}")]
    {
        assert_eq!(rig.get(&path).await.status, 200, "{path}");
        let refused = rig.get(&path).await;
        assert_eq!(refused.status_and_text(), (429, r#"{"ok":false,"error":"too many requests"}"#), "{path}");
        // Small lists are served meanwhile.
        assert_eq!(rig.get("/v1/list?limit=10").await.status, 200);
        rig.advance(60).await;
    }
}

#[tokio::test]
async fn one_user_beyond_their_rate_gets_429_and_others_do_not() {
    let limits = Limits::default().hits_per_user(Quota::per_minute(6).map(|quota| quota.burst(3)));
    let rig = rig(limits).await;
    for session in 0..3 {
        rig.hits(&format!(r#"{{"user":"a","session":"{session}","kind":"enter"}}"#)).await;
    }
    let refused = rig.hit(r#"{"user":"a","session":"3","kind":"enter"}"#).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("10")));
    rig.hits(r#"{"user":"b"}"#).await;
    assert_eq!(rig.get("/v1/health").await.json()["sessions"], 4);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_rate() {
    let limits = Limits::default().hits_per_client(Quota::per_minute(1)).trusted_proxies(1);
    let rig = rig(limits).await;
    let hit = async |forwarded: &str| {
        let headers = [("x-forwarded-for", forwarded)];
        send(rig.address, "POST", "/v1/hit", &headers, r#"{"user":"a"}"#).await.status
    };
    assert_eq!((hit("1.1.1.1").await, hit("2.2.2.2").await), (200, 200));
    assert_eq!(hit("9.9.9.9, 1.1.1.1").await, 429, "what a client writes itself is not believed");
}

#[tokio::test]
async fn shared_limits_do_not_limit_clients() {
    let rig = rig(Limits::shared()).await;
    for _ in 0..300 {
        rig.hits(r#"{"user":"a"}"#).await;
    }
}
