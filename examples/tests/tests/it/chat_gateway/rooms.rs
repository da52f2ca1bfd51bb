//! Subscriptions, and invalid frames.

use super::{Node, connected, token_until};
use crate::rig::START;
use serde_json::json;

#[tokio::test]
async fn subscriptions_are_confirmed_with_the_absent_id_null() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    for (ids, room) in [
        (json!({"channel_id": "general"}), json!({"channel_id": "general", "dm_id": null})),
        (json!({"dm_id": "general"}), json!({"channel_id": null, "dm_id": "general"})),
    ] {
        let frame = |kind: &str, ids: &serde_json::Value| {
            let mut frame = ids.clone();
            frame["type"] = json!(kind);
            frame
        };
        alice.send_json(frame("subscribe", &ids)).await;
        assert_eq!(alice.next().await, frame("subscribed", &room));
        // The channel's id is always there, the other one where it is one.
        let mut state = frame("presence_state", &ids);
        state["channel_id"] = room["channel_id"].clone();
        state["users"] = json!([{"user_id": "alice", "username": "ALICE", "status": "online"}]);
        assert_eq!(alice.next().await, state);
        alice.send_json(frame("unsubscribe", &ids)).await;
        assert_eq!(alice.next().await, frame("unsubscribed", &room));
    }
}

#[tokio::test]
async fn an_invalid_frame_gets_an_error_and_the_connection_stays_open() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    for (frame, error, code) in [
        (r#"{"type":"dance"}"#, "Invalid message type", 400),
        ("not json", "Invalid JSON", 400),
        (r#"{"type":"subscribe"}"#, "Either channel_id or dm_id is required", 400),
        (r#"{"type":"typing","channel_id":null}"#, "Either channel_id or dm_id is required", 400),
    ] {
        alice.send(frame).await;
        assert_eq!(alice.next().await, json!({"type": "error", "error": error, "code": code}), "{frame}");
    }
    alice.send_json(json!({"type": "typing", "channel_id": "general"})).await;
    let refused = json!({"type": "error", "error": "Not subscribed", "code": 403});
    assert_eq!(alice.next().await, refused);
    alice.send_json(json!({"type": "ping"})).await;
    assert_eq!(alice.next().await, json!({"type": "pong", "timestamp": "2024-03-09T16:00:00Z"}));
}

#[tokio::test]
async fn one_room_more_than_sixty_four_is_refused() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    for n in 0..64 {
        if n == 32 {
            node.advance(2).await;
        }
        alice.send_json(json!({"type": "subscribe", "channel_id": format!("room{n}")})).await;
        alice.of("subscribed").await;
    }
    node.advance(2).await;
    alice.send_json(json!({"type": "subscribe", "dm_id": "one more"})).await;
    let refused = json!({"type": "error", "error": "Too many rooms", "code": 429});
    assert_eq!(alice.of("error").await, refused);
    alice.send_json(json!({"type": "unsubscribe", "channel_id": "room7"})).await;
    alice.send_json(json!({"type": "subscribe", "dm_id": "one more"})).await;
    assert_eq!(alice.of("subscribed").await["dm_id"], "one more");
}

#[tokio::test]
async fn a_room_that_the_token_is_not_for_is_refused() {
    let node = Node::new().await;
    let mut guest =
        connected(node.address, &token_until(json!({"sub": "guest", "rooms": ["lobby"]}), START + 60)).await;
    guest.send_json(json!({"type": "subscribe", "channel_id": "board"})).await;
    let refused = json!({"type": "error", "error": "Forbidden", "code": 403});
    assert_eq!(guest.next().await, refused);
    assert_eq!(guest.enters("lobby").await, ["guest"]);
}

#[tokio::test]
async fn a_channel_and_a_direct_message_of_one_id_are_two_rooms() {
    let node = Node::new().await;
    let (mut alice, mut bob) = (node.connect("alice").await, node.connect("bob").await);
    alice.enters("7").await;
    bob.send_json(json!({"type": "subscribe", "dm_id": "7"})).await;
    assert_eq!(bob.of("presence_state").await["users"].as_array().unwrap().len(), 1);
    bob.send_json(json!({"type": "typing", "dm_id": "7"})).await;
    node.connect("carol").await.enters("7").await;
    assert_eq!(alice.changes_until("carol").await, []);
}
