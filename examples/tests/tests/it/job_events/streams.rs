//! The events that viewers of a job get.

use super::{Node, encoded, events_of, next_event, progress, shown, update, updates_of};
use crate::client::{events, soon};
use crate::rig::clock;
use job_events::Jobs;
use presence_core::Topic;
use presence_core::broker::Retention;
use presence_memory::{HISTORY_BYTES, MemoryBroker};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_viewer_gets_the_latest_status_at_once_and_then_updates() {
    let node = Node::new().await;
    let job = node.create().await;
    node.update(&job, "processing", 10).await;
    node.update(&job, "processing", 20).await;
    let mut stream = node.watch(&job).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-cache, no-transform");
    let (first, data) = next_event(&mut stream).await;
    assert_eq!(data, shown(&job, "processing", 20));
    node.update(&job, "processing", 30).await;
    let (second, data) = next_event(&mut stream).await;
    assert_eq!(data, shown(&job, "processing", 30));
    assert_ne!(first, second);
}

#[tokio::test]
async fn data_is_passed_on_unchanged() {
    let node = Node::new().await;
    let mut stream = node.watch("j").await;
    let body = r#"{"status":"failed","progress":33.3,"stage":"s","message":"\"ü\"\n","timestamp":"2026-01-02T03:04:05+01:00","data":{"z":1,"a":[null,1.50]}}"#;
    assert_eq!(node.post("/api/v1/jobs/j/updates", body).await.status, 202);
    let expected = r#"{"jobId":"j","status":"failed","progress":33.3,"stage":"s","message":"\"ü\"\n","timestamp":"2026-01-02T03:04:05+01:00","data":{"z":1,"a":[null,1.50]}}"#;
    assert_eq!(next_event(&mut stream).await.1, expected);
}

#[tokio::test]
async fn a_viewer_that_reconnects_gets_each_missed_event_once() {
    let node = Node::new().await;
    let job = node.create().await;
    let mut stream = node.watch(&job).await;
    let (id, _) = next_event(&mut stream).await;
    drop(stream);
    for step in 1..=5 {
        node.update(&job, "processing", step).await;
    }
    let by_query = format!("{}?lastEventId={id}", events_of(&job));
    let header = [("last-event-id", id.as_str())];
    for (path, headers) in [(events_of(&job), &header[..]), (by_query, &[])] {
        let mut stream = node.watch_with(&path, headers).await;
        for step in 1..=5 {
            assert_eq!(next_event(&mut stream).await.1, shown(&job, "processing", step));
        }
    }
    // Nothing was missed: only new events come.
    let mut stream = node.watch(&job).await;
    let (id, _) = next_event(&mut stream).await;
    let mut stream = node.watch_with(&events_of(&job), &[("last-event-id", &id)]).await;
    node.update(&job, "processing", 6).await;
    assert_eq!(progress(&mut stream).await, 6);
}

#[tokio::test]
async fn where_history_was_trimmed_a_viewer_that_comes_back_gets_the_latest() {
    let node = Node::keeping(Retention::default().count(3), &[]).await;
    let job = node.create().await;
    let (id, _) = next_event(&mut node.watch(&job).await).await;
    for step in 1..=9 {
        node.update(&job, "processing", step).await;
    }
    for id in [id.as_str(), "deadbeef-1", "nonsense", ""] {
        let mut stream = node.watch_with(&events_of(&job), &[("last-event-id", id)]).await;
        assert_eq!(progress(&mut stream).await, 9, "{id}");
    }
    node.update(&job, "processing", 10).await;
    let mut stream = node.watch_with(&events_of(&job), &[("last-event-id", &id)]).await;
    assert_eq!(progress(&mut stream).await, 10);
    node.update(&job, "processing", 11).await;
    assert_eq!(progress(&mut stream).await, 11);
}

#[tokio::test]
async fn a_heartbeat_comes_every_interval() {
    let node = Node::with(&["--sse-heartbeat-interval", "30000"]).await;
    let mut stream = node.watch("not created yet").await;
    for _ in 0..3 {
        node.advance(Duration::from_secs(30)).await;
        assert_eq!(stream.event().await, ": ping");
    }
    node.update("not created yet", "pending", 1).await;
    assert_eq!(progress(&mut stream).await, 1);
    node.advance(Duration::from_secs(29)).await;
    node.update("not created yet", "pending", 2).await;
    assert_eq!(progress(&mut stream).await, 2);
    node.advance(Duration::from_secs(1)).await;
    assert_eq!(stream.event().await, ": ping", "though there was an event a second ago");
}

#[tokio::test]
async fn the_stream_ends_after_the_last_status() {
    for status in ["completed", "failed"] {
        let node = Node::new().await;
        let job = node.create().await;
        let mut stream = node.watch(&job).await;
        next_event(&mut stream).await;
        node.update(&job, status, 100).await;
        let (id, data) = next_event(&mut stream).await;
        assert_eq!(data, shown(&job, status, 100));
        assert_eq!(stream.event().await, "retry: 15000");
        assert_eq!(stream.next().await, None);

        // A viewer who comes late gets the last status and the end of the stream.
        let mut late = node.watch(&job).await;
        assert_eq!(next_event(&mut late).await, (id.clone(), data));
        assert_eq!((late.event().await.as_str(), late.next().await), ("retry: 15000", None));

        // On 204 an EventSource gives up.
        let resumed = events(node.address, &events_of(&job), &[("last-event-id", &id)]).await;
        assert_eq!(resumed.status, 204);
    }
}

#[tokio::test]
async fn after_the_connection_limit_the_stream_ends_and_is_resumed() {
    let node = Node::with(&["--sse-connection-timeout", "60"]).await;
    let job = node.create().await;
    let mut stream = node.watch(&job).await;
    let (id, _) = next_event(&mut stream).await;
    node.advance(Duration::from_secs(59)).await;
    assert_eq!(stream.event().await, ": ping");
    node.advance(Duration::from_secs(1)).await;
    assert_eq!(stream.next().await, None);
    node.update(&job, "processing", 5).await;
    let mut stream = node.watch_with(&events_of(&job), &[("last-event-id", &id)]).await;
    assert_eq!(progress(&mut stream).await, 5);
}

#[tokio::test]
async fn all_viewers_of_a_job_get_the_same_frames() {
    let node = Node::new().await;
    let job = node.create().await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(node.watch(&job).await);
    }
    let pending = streams[0].event().await;
    node.update(&job, "processing", 1).await;
    let update = streams[0].event().await;
    for stream in &mut streams[1..] {
        assert_eq!((stream.event().await, stream.event().await), (pending.clone(), update.clone()));
    }
}

#[tokio::test]
async fn viewers_are_present_in_their_jobs_topic() {
    let node = Node::new().await;
    let topic = |job: &str| node.stores.presence.topic(&Topic::new(format!("job:{job}")).unwrap());
    let (one, two) = (node.watch("a").await, node.watch("a").await);
    let _other = node.watch("b").await;
    assert_eq!((topic("a").counts().online, topic("b").counts().online), (2, 1));
    let health: Value = node.get("/health").await.json();
    assert_eq!(health["active_connections"], 3);
    let metrics = node.get("/metrics").await.text;
    assert!(metrics.contains("job_events_viewers{job=\"a\"} 2\n"), "{metrics}");
    drop((one, two));
    soon(async {
        while topic("a").counts().online > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(topic("b").counts().online, 1);
}

#[tokio::test]
async fn ids_of_any_bytes_never_reach_another_jobs_viewers() {
    let node = Node::new().await;
    let ids =
        ["a", "a:updates", "job:a", "*", "a*", "?", "a b", "a/b", "a%2Fb", "🦀", "{}", "..", "A", "\\", "'"];
    let mut streams = Vec::new();
    for id in ids {
        streams.push(node.watch(id).await);
    }
    for id in ids {
        let reply = node.post(&updates_of(id), update("completed", 100)).await;
        assert_eq!(reply.json()["jobId"], json!(id));
        let latest = node.get(&format!("/api/v1/jobs/{}", encoded(id))).await.json();
        assert_eq!(latest["jobId"], json!(id));
    }
    // Each gets its own, and nothing but that.
    for (id, stream) in ids.iter().zip(&mut streams) {
        assert_eq!(next_event(stream).await.1, shown(id, "completed", 100));
        assert_eq!((stream.event().await.as_str(), stream.next().await), ("retry: 15000", None), "{id}");
    }
}

#[tokio::test]
async fn a_job_is_forgotten_a_retention_after_its_last_update() {
    let retention = Retention::default().age(Duration::from_secs(100));
    let node = Node::keeping(retention, &["--job-retention", "100"]).await;
    let job = node.create().await;
    for _ in 0..5 {
        node.advance(Duration::from_mins(1)).await;
        node.update(&job, "processing", 1).await;
    }
    node.advance(Duration::from_secs(99)).await;
    assert_eq!(node.get(&format!("/api/v1/jobs/{job}")).await.status, 200);
    node.advance(Duration::from_secs(2)).await;
    assert_eq!(node.get(&format!("/api/v1/jobs/{job}")).await.status, 404);
}

#[tokio::test]
async fn a_hundred_thousand_jobs_that_fall_silent_are_gone_after_the_retention() {
    let (clock, retention) = (clock(), Duration::from_mins(10));
    let broker = MemoryBroker::with(Retention::default().age(retention), HISTORY_BYTES, clock.clone());
    let jobs = Jobs::new(Arc::new(broker.clone()), Arc::new(clock.clone()), retention);
    for _ in 0..100_000 {
        jobs.create(None).await.unwrap();
    }
    let (stored, bytes) = broker.stored();
    assert_eq!(stored, 100_000);
    assert!(bytes < 100_000 * 1_024, "{bytes} bytes");
    clock.advance(Duration::from_secs(599)).await;
    assert_eq!(broker.stored().0, 100_000);
    clock.advance(Duration::from_secs(2)).await;
    soon(async {
        while broker.stored() != (0, 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
