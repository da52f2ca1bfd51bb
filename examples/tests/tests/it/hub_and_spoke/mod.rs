//! hub-and-spoke: its contract, line by line.

mod batch;
mod center;
mod cors;
mod keeper;
mod lookaside;
mod nats;
mod node;
mod process;
mod reads;
mod rights;
mod writes;

use node::Node;

/// The text of its metrics after some requests.
pub(crate) async fn metrics() -> String {
    let node = Node::memory().await;
    node.get("/api/v2/presence/ada").await;
    node.call("GET", "/api/v2/presence/ada", None, "Bearer forged").await;
    node.call("GET", "/metrics", None, "").await.text
}

#[tokio::test]
async fn it_is_alive_ready_and_counted_without_a_token() {
    let node = Node::memory().await;
    for path in ["/health", "/health/liveness", "/health/readiness"] {
        let reply = node.call("GET", path, None, "").await;
        assert_eq!((reply.status, reply.json()["nodeID"].as_str()), (200, Some("center-1")), "{path}");
    }
    node.get("/api/v2/presence/ada").await;
    let metrics = node.call("GET", "/metrics", None, "").await;
    assert_eq!((metrics.status, metrics.header("content-type")), (200, Some("text/plain; version=0.0.4")));
    assert!(metrics.text.contains("presence_cache_misses_total"), "{}", metrics.text);
    assert_eq!(node.get("/nothing").await.status_and_text(), (404, r#"{"error":"not found"}"#));
    assert_eq!(
        node.call("PATCH", "/health", None, "").await.status_and_text(),
        (405, r#"{"error":"method not allowed"}"#)
    );
}

#[tokio::test]
async fn readiness_reports_why_the_store_does_not_answer() {
    let (node, faults) = Node::faulty().await;
    assert_eq!(node.call("GET", "/health/readiness", None, "").await.status, 200);
    faults.go_down();
    let reply = node.call("GET", "/health/readiness", None, "").await;
    assert_eq!(reply.status, 503);
    let reason = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(reason.contains("unavailable"), "{reason}");
    assert_eq!(node.call("GET", "/health", None, "").await.status, 200);
    faults.come_back();
    assert_eq!(node.call("GET", "/health/readiness", None, "").await.status, 200);
}
