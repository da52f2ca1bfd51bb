//! Messages of a room.

use super::{Node, post, token, token_until};
use crate::rig::START;
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_reaches_only_the_users_of_its_room() {
    let node = Node::new().await;
    let (mut alice, mut bob) = (node.connect("alice").await, node.connect("bob").await);
    alice.enters("general").await;
    bob.enters("random").await;
    let reply = post(
        node.address,
        "/messages",
        &token("carol"),
        json!({"channel_id": "general", "content": "hi 🎈"}),
    )
    .await;
    assert_eq!(reply.status, 202);
    let mut message = alice.of("message").await;
    assert_eq!(message["data"]["message_id"], reply.json()["message_id"]);
    message["data"]["message_id"] = Value::Null;
    assert_eq!(
        message,
        json!({"type": "message", "data": {"message_id": null, "content": "hi 🎈", "user_id": "carol",
            "username": "CAROL", "channel_id": "general", "timestamp": "2024-03-09T16:00:00Z"}})
    );
    bob.send_json(json!({"type": "ping"})).await;
    assert_eq!(bob.next().await["type"], "pong");
}

#[tokio::test]
async fn messages_of_a_room_come_in_order_and_each_once() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    for _ in 0..3 {
        node.say("bob", "general", "the same").await;
    }
    node.say("bob", "general", "last").await;
    for expected in ["the same", "the same", "the same", "last"] {
        assert_eq!(alice.of("message").await["data"]["content"], expected);
    }
}

#[tokio::test]
async fn a_message_needs_a_token_a_room_and_a_text() {
    let node = Node::new().await;
    let say = |token: String, body| async move { post(node.address, "/messages", &token, body).await.status };
    let good = json!({"channel_id": "general", "content": "hi"});
    assert_eq!(say("nonsense".to_owned(), good.clone()).await, 401);
    let guest = token_until(json!({"sub": "guest", "rooms": ["lobby"]}), START + 60);
    assert_eq!(say(guest, good.clone()).await, 403);
    for body in [
        json!({}),
        json!({"content": "hi"}),
        json!({"channel_id": "a", "dm_id": "b", "content": "hi"}),
        json!({"channel_id": "a"}),
        json!({"channel_id": "a", "content": " "}),
        json!({"channel_id": "a", "content": 7}),
        json!({"channel_id": "a", "content": "x".repeat(4_001)}),
    ] {
        assert_eq!(say(token("bob"), body.clone()).await, 400, "{body}");
    }
    assert_eq!(say(token("bob"), good).await, 202);
}
