//! Updates by internal publishers.

use super::{Node, next_event, progress, shown, update, updates_of};
use crate::client::send;
use serde_json::{Value, json};

#[tokio::test]
async fn an_update_that_is_wrong_is_refused_by_field_and_nothing_is_shown() {
    let node = Node::new().await;
    let job = node.create().await;
    let mut stream = node.watch(&job).await;
    next_event(&mut stream).await;
    let with = |field: &str, value: Value| {
        let mut update = update("processing", 50);
        update[field] = value;
        update
    };
    for (field, value) in [
        ("status", json!("done")),
        ("status", json!(null)),
        ("progress", json!(101)),
        ("progress", json!(-0.5)),
        ("progress", json!("50")),
        ("progress", json!(null)),
        ("stage", json!(7)),
        ("stage", json!("x".repeat(257))),
        ("message", json!({})),
        ("message", json!("x".repeat(4_097))),
        ("timestamp", json!("now")),
        ("jobId", json!("x".repeat(257))),
        ("jobId", json!("another")),
    ] {
        let reply = node.post(&updates_of(&job), with(field, value.clone())).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (400, &json!("Validation failed")),
            "{field} {value}"
        );
        assert_eq!(reply.json()["details"][0]["field"], field, "{value}");
    }
    for body in ["", "[]", "{", "null"] {
        assert_eq!(node.post(&updates_of(&job), body).await.status, 400, "{body}");
    }
    assert_eq!(node.post(&updates_of(&job), "x".repeat(17_000)).await.status, 413);
    node.update(&job, "processing", 60).await;
    assert_eq!(progress(&mut stream).await, 60, "and nothing before it");
}

#[tokio::test]
async fn after_the_last_status_an_update_is_refused() {
    for status in ["completed", "failed"] {
        let node = Node::new().await;
        let job = node.create().await;
        node.update(&job, status, 100).await;
        let late = node.post(&updates_of(&job), update("processing", 10)).await;
        assert_eq!(late.status_and_text(), (409, r#"{"error":"Job is finished"}"#));
        let (_, data) = next_event(&mut node.watch(&job).await).await;
        assert_eq!(data, shown(&job, status, 100));
    }
}

#[tokio::test]
async fn an_update_that_is_repeated_with_its_key_is_shown_once() {
    let node = Node::new().await;
    let job = node.create().await;
    let mut stream = node.watch(&job).await;
    next_event(&mut stream).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let body = update("processing", 10).to_string();
        let headers = [("idempotency-key", "k-1")];
        answers.push(send(node.address, "POST", &updates_of(&job), &headers, body).await.text);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    node.update(&job, "processing", 20).await;
    assert_eq!((progress(&mut stream).await, progress(&mut stream).await), (10, 20));
    let long = "k".repeat(201);
    let refused = send(node.address, "POST", &updates_of(&job), &[("idempotency-key", &long)], "{}").await;
    assert_eq!((refused.status, &refused.json()["details"][0]["field"]), (400, &json!("Idempotency-Key")));
}

#[tokio::test]
async fn updates_are_shown_in_the_order_in_which_they_were_stored() {
    let node = Node::new().await;
    let job = node.create().await;
    let mut stream = node.watch(&job).await;
    next_event(&mut stream).await;
    for step in [30, 10, 20] {
        node.update(&job, "processing", step).await;
    }
    for step in [30, 10, 20] {
        assert_eq!(progress(&mut stream).await, step);
    }
}
