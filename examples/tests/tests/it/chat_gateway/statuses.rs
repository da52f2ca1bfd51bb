//! Statuses that users declare.

use super::{Node, is};
use serde_json::{Value, json};

async fn pair(node: &Node) -> (crate::ws::Client, crate::ws::Client) {
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    let mut bob = node.connect("bob").await;
    bob.enters("general").await;
    assert_eq!(alice.change().await, is("bob", "online"));
    (alice, bob)
}

#[tokio::test]
async fn a_status_with_its_message_is_sent_to_present_and_later_users() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    bob.send_json(json!({"type": "status", "status": "busy", "message": "in a call"})).await;
    let change = alice.of("presence").await;
    assert_eq!((&change["status"], &change["message"]), (&json!("busy"), &json!("in a call")));
    bob.send_json(json!({"type": "status", "status": "away"})).await;
    let change = alice.of("presence").await;
    assert_eq!((&change["status"], &change["message"]), (&json!("away"), &Value::Null));
    node.connect("carol").await.send_json(json!({"type": "subscribe", "channel_id": "general"})).await;
    let shown = node.get("/presence/bob").await.json();
    assert_eq!(shown["status"], "away");
    bob.send_json(json!({"type": "status", "status": "online"})).await;
    assert_eq!(alice.changes_until("bob").await, [is("carol", "online")]);
}

#[tokio::test]
async fn the_newest_status_of_any_tab_counts() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    let mut other = node.connect("bob").await;
    other.send_json(json!({"type": "status", "status": "away"})).await;
    assert_eq!(alice.change().await, is("bob", "away"));
    node.advance(1).await;
    bob.send_json(json!({"type": "status", "status": "busy"})).await;
    assert_eq!(alice.change().await, is("bob", "busy"));
}

#[tokio::test]
async fn a_user_who_appears_offline_looks_like_one_who_left() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    bob.send_json(json!({"type": "status", "status": "offline", "message": "hiding"})).await;
    let change = alice.of("presence").await;
    assert_eq!(
        change,
        json!({"type": "presence", "user_id": "bob", "username": "BOB", "status": "offline",
            "timestamp": "2024-03-09T16:00:00Z"})
    );
    assert_eq!(node.connect("carol").await.enters("general").await, ["alice", "carol"]);
    assert_eq!(alice.changes_until("carol").await, []);
    let absent = node.get("/presence/nobody").await.text.replace("nobody", "bob");
    assert_eq!(node.get("/presence/bob").await.text, absent);
    // A second tab of theirs does not show them.
    let mut tab = node.connect("bob").await;
    tab.enters("general").await;
    let _dave = node.connect("dave").await.enters("general").await;
    assert_eq!(alice.changes_until("dave").await, []);
    bob.send_json(json!({"type": "status", "status": "online"})).await;
    assert_eq!(alice.changes_until("bob").await, []);
}

#[tokio::test]
async fn a_user_who_only_pings_for_an_hour_is_online() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    for _ in 0..70 {
        node.advance(50).await;
        for client in [&mut alice, &mut bob] {
            client.send_json(json!({"type": "ping"})).await;
            client.of("pong").await;
        }
    }
    assert_eq!(node.get("/presence/bob").await.json()["status"], "online");
    let mut carol =
        super::connected(node.address, &super::token_until(json!({"sub": "carol"}), u32::MAX.into())).await;
    carol.enters("general").await;
    assert_eq!(alice.changes_until("carol").await, []);
}
