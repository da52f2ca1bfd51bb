//! Google Pub/Sub pushes.

use super::failing::Failing;
use super::{Node, next_event, progress, shown, update};
use crate::rig::clock;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use job_events::MAX_TRIES;
use presence_core::broker::Retention;
use presence_memory::{HISTORY_BYTES, MemoryBroker};
use serde_json::{Value, json};
use std::sync::Arc;

/// The standard envelope.
fn envelope(id: &str, data: &Value) -> Value {
    json!({
        "message": {"attributes": {"k": "v"}, "data": STANDARD.encode(data.to_string()), "messageId": id,
            "message_id": id, "publishTime": "2026-01-02T03:04:05Z"},
        "subscription": "projects/p/subscriptions/s",
    })
}

fn of(job: &str, status: &str, progress: u8) -> Value {
    let mut update = update(status, progress);
    update["jobId"] = json!(job);
    update
}

async fn push(node: &Node, envelope: &Value) -> (u16, String) {
    let reply = node.post("/pubsub/push", envelope).await;
    (reply.status, reply.text)
}

#[tokio::test]
async fn a_pushed_update_is_shown_and_one_that_is_delivered_again_is_not() {
    let node = Node::new().await;
    let mut stream = node.watch("j").await;
    for id in ["1", "1", "2", "1", "2"] {
        assert_eq!(push(&node, &envelope(id, &of("j", "processing", 10))).await, (204, String::new()));
    }
    assert_eq!(push(&node, &envelope("3", &of("j", "completed", 100))).await.0, 204);
    assert_eq!(next_event(&mut stream).await.1, shown("j", "processing", 10));
    assert_eq!((progress(&mut stream).await, progress(&mut stream).await), (10, 100));
}

#[tokio::test]
async fn a_bad_envelope_is_refused_by_field() {
    let node = Node::new().await;
    let with = |path: &str, value: Value| {
        let mut envelope = envelope("1", &of("j", "processing", 10));
        *envelope.pointer_mut(path).unwrap() = value;
        envelope
    };
    for (envelope, field) in [
        (json!({}), "message"),
        (json!({"message": "x"}), "message"),
        (json!([]), "body"),
        (with("/message/data", json!(7)), "message.data"),
        (with("/message/data", json!("no base64!")), "message.data"),
        (with("/message/messageId", json!(7)), "message.messageId"),
        (with("/message/messageId", json!("")), "message.messageId"),
    ] {
        let reply = node.post("/pubsub/push", &envelope).await;
        assert_eq!((reply.status, &reply.json()["details"][0]["field"]), (400, &json!(field)), "{envelope}");
    }
    let mut unpadded = envelope("1", &of("j", "processing", 10));
    unpadded["message"]["data"] = json!(STANDARD_NO_PAD.encode(of("j", "processing", 10).to_string()));
    assert_eq!(push(&node, &unpadded).await.0, 204);
}

#[tokio::test]
async fn a_poisonous_message_is_refused_by_field_and_given_up_after_five_tries() {
    let node = Node::new().await;
    let mut stream = node.watch("j").await;
    for (poison, field) in [
        (of("j", "done", 10), "status"),
        (of("j", "processing", 101), "progress"),
        (update("processing", 10), "jobId"),
        (of(&"x".repeat(257), "processing", 10), "jobId"),
        (json!("no object"), "body"),
    ] {
        let id = format!("{field}-{poison}").chars().take(60).collect::<String>();
        for _ in 1..MAX_TRIES {
            let reply = node.post("/pubsub/push", envelope(&id, &poison)).await;
            assert_eq!(
                (reply.status, &reply.json()["details"][0]["field"]),
                (400, &json!(field)),
                "{poison}"
            );
        }
        assert_eq!(push(&node, &envelope(&id, &poison)).await.0, 204);
    }
    // A subscription with a dead letter topic counts by itself, whichever instances the message
    // came to.
    let mut counted = envelope("9", &of("j", "done", 10));
    counted["deliveryAttempt"] = json!(5);
    assert_eq!(push(&node, &counted).await.0, 204);
    node.update("j", "processing", 1).await;
    assert_eq!(progress(&mut stream).await, 1, "and nothing before it");
}

#[tokio::test]
async fn an_update_of_a_finished_job_is_acknowledged() {
    let node = Node::new().await;
    node.update("j", "completed", 100).await;
    assert_eq!(push(&node, &envelope("1", &of("j", "processing", 10))).await.0, 204);
    assert_eq!(next_event(&mut node.watch("j").await).await.1, shown("j", "completed", 100));
}

#[tokio::test]
async fn while_the_broker_is_down_a_push_is_refused_so_that_it_is_retried_and_then_shown_once() {
    let clock = clock();
    let broker = Failing::on(MemoryBroker::with(Retention::default(), HISTORY_BYTES, clock.clone()));
    let node = Node::on(Arc::new(broker.clone()), clock, &[]).await;
    let mut stream = node.watch("j").await;
    let message = envelope("1", &of("j", "processing", 10));
    broker.fail(true);
    let refused = node.post("/pubsub/push", &message).await;
    assert_eq!(refused.status_and_text(), (503, r#"{"error":"Service unavailable"}"#));
    assert!(refused.header("retry-after").is_some());
    // It was stored, but the pusher got an error.
    broker.fail(false);
    broker.lose_answers(true);
    assert_eq!(push(&node, &message).await.0, 503);
    broker.lose_answers(false);
    assert_eq!(push(&node, &message).await.0, 204);
    node.update("j", "processing", 20).await;
    assert_eq!((progress(&mut stream).await, progress(&mut stream).await), (10, 20));
}
