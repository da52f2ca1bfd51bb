//! The health of an instance.

use super::Node;
use super::failing::Failing;
use crate::rig::clock;
use presence_core::broker::Retention;
use presence_memory::{HISTORY_BYTES, MemoryBroker};
use std::sync::Arc;

#[tokio::test]
async fn an_instance_is_healthy_while_its_broker_answers() {
    let clock = clock();
    let broker = Failing::on(MemoryBroker::with(Retention::default(), HISTORY_BYTES, clock.clone()));
    let node = Node::on(Arc::new(broker.clone()), clock, &[]).await;
    let healthy = r#"{"status":"healthy","service":"sse-service","active_connections":0,"broker":"memory"}"#;
    assert_eq!(node.get("/health").await.status_and_text(), (200, healthy));
    broker.fail(true);
    let unhealthy = healthy.replace("healthy", "unhealthy");
    let asked = crate::client::soon(async {
        loop {
            let reply = node.get("/health").await;
            if reply.status != 200 {
                return reply;
            }
        }
    });
    assert_eq!(asked.await.status_and_text(), (503, &*unhealthy));
    let refused = node.get("/api/v1/jobs/j").await;
    assert_eq!(refused.status_and_text(), (503, r#"{"error":"Service unavailable"}"#));
    // A stream opens all the same: its client would give up otherwise.
    let mut stream = node.watch_with("/api/v1/jobs/j/events", &[("last-event-id", "1-1")]).await;
    broker.fail(false);
    node.update("j", "processing", 5).await;
    assert_eq!(super::progress(&mut stream).await, 5);
}

#[tokio::test]
async fn labels_of_metrics_are_bounded_and_escaped() {
    let node = Node::new().await;
    let mut streams = Vec::new();
    for n in 0..40 {
        streams.push(node.watch(&format!("\"\\{n}")).await);
    }
    let metrics = node.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.text.matches("\njob_events_viewers{").count(), 20, "{}", metrics.text);
    assert!(metrics.text.contains(r#"job_events_viewers{job="\"\\1"} 1"#), "{}", metrics.text);
    assert!(metrics.text.contains("job_events_viewers_all 40\n"), "{}", metrics.text);
}
