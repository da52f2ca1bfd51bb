//! How often one client may call.

use super::{Node, update, updates_of};
use crate::client::{events, send};
use std::time::Duration;

#[tokio::test]
async fn a_client_beyond_its_rate_gets_a_retry_after() {
    let node = Node::with(&["--rate-limit", "3"]).await;
    for _ in 0..3 {
        assert_eq!(node.get("/api/v1/jobs/j").await.status, 404);
    }
    let refused = node.get("/api/v1/jobs/j").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("20")));
    assert_eq!(refused.text, r#"{"error":"Too many requests"}"#);
    assert_eq!(events(node.address, "/api/v1/jobs/j/events", &[]).await.status, 429);
    assert_eq!(node.post("/api/v1/jobs", "{}").await.status, 429);
    // These are for machines of ours.
    assert_eq!(node.get("/health").await.status, 200);
    assert_eq!(node.get("/metrics").await.status, 200);
    assert_eq!(node.post(&updates_of("j"), update("pending", 1)).await.status, 202);
    assert_eq!(node.post("/pubsub/push", "{}").await.status, 400);
    node.advance(Duration::from_secs(20)).await;
    assert_eq!(node.get("/api/v1/jobs/j").await.status, 200);
}

#[tokio::test]
async fn zero_is_no_limit() {
    let node = Node::with(&["--rate-limit", "0"]).await;
    for _ in 0..50 {
        assert_eq!(node.get("/api/v1/jobs/j").await.status, 404);
    }
}

#[tokio::test]
async fn behind_a_proxy_clients_are_distinguished() {
    let node = Node::with(&["--rate-limit", "1", "--trusted-proxies", "1"]).await;
    for client in ["10.0.0.1", "10.0.0.2"] {
        let headers = [("x-forwarded-for", client)];
        let ask = || send(node.address, "GET", "/api/v1/jobs/j", &headers, "");
        assert_eq!((ask().await.status, ask().await.status), (404, 429), "{client}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_where_they_are_listed() {
    let origin = [("origin", "https://a.example")];
    let any = Node::new().await;
    let listed = Node::with(&["--cors-origins", "https://a.example"]).await;
    let others = Node::with(&["--cors-origins", "https://b.example"]).await;
    for (node, allowed) in
        [(&any, Some("*")), (&listed, Some("https://a.example")), (&others, Some("https://b.example"))]
    {
        let stream = events(node.address, "/api/v1/jobs/j/events", &origin).await;
        let said = stream.headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(said, allowed);
    }
}
