//! Presence of users who share a room.

use super::{Node, is};
use serde_json::json;

#[tokio::test]
async fn a_user_who_comes_is_announced_once_however_many_rooms_are_shared() {
    let node = Node::new().await;
    let (mut alice, mut bob) = (node.connect("alice").await, node.connect("bob").await);
    for room in ["general", "random"] {
        alice.enters(room).await;
    }
    bob.enters("general").await;
    let come = json!({"type": "presence", "user_id": "bob", "username": "BOB", "status": "online",
        "timestamp": "2024-03-09T16:00:00Z"});
    assert_eq!(alice.next().await, come);
    assert!(bob.enters("random").await.contains(&"alice".to_owned()));
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
}

async fn enter(node: &Node, user: &str) -> crate::ws::Client {
    let mut client = node.connect(user).await;
    client.enters("general").await;
    client
}

#[tokio::test]
async fn known_users_are_not_announced_again_in_another_room() {
    let node = Node::new().await;
    let mut bob = enter(&node, "bob").await;
    let mut alice = enter(&node, "alice").await;
    alice.enters("random").await;
    bob.enters("random").await;
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
}

#[tokio::test]
async fn only_closing_the_last_of_two_tabs_is_seen_as_a_leave() {
    let node = Node::new().await;
    let mut alice = enter(&node, "alice").await;
    alice.enters("random").await;
    let (mut one, mut two) = (node.connect("bob").await, node.connect("bob").await);
    for tab in [&mut one, &mut two] {
        tab.enters("general").await;
        tab.enters("random").await;
    }
    assert_eq!(alice.change().await, is("bob", "online"));
    one.0.close(None).await.unwrap();
    node.open(2).await;
    node.advance(5).await;
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
    drop(two);
    node.open(2).await;
    node.advance(5).await;
    let mut gone = alice.of("presence").await;
    assert!(gone["timestamp"].as_str().unwrap().starts_with("2024-03-09T16:00:"), "{gone}");
    gone["timestamp"] = json!("");
    let told = json!({"type": "presence", "user_id": "bob", "username": "BOB", "status": "offline", "timestamp": ""});
    assert_eq!(gone, told);
    let _dave = enter(&node, "dave").await;
    assert_eq!(alice.changes_until("dave").await, []);
}

#[tokio::test]
async fn a_reload_is_not_seen() {
    let node = Node::new().await;
    let mut alice = enter(&node, "alice").await;
    let bob = enter(&node, "bob").await;
    assert_eq!(alice.change().await, is("bob", "online"));
    drop(bob);
    node.open(1).await;
    node.advance(1).await;
    let _bob = enter(&node, "bob").await;
    node.advance(10).await;
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
}

#[tokio::test]
async fn leaving_a_room_does_not_make_a_connected_user_offline() {
    let node = Node::new().await;
    let mut alice = enter(&node, "alice").await;
    let mut bob = enter(&node, "bob").await;
    assert_eq!(alice.change().await, is("bob", "online"));
    bob.send_json(json!({"type": "unsubscribe", "channel_id": "general"})).await;
    bob.of("unsubscribed").await;
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
    let there = node.connect("dave").await.enters("general").await;
    assert!(!there.contains(&"bob".to_owned()) && there.contains(&"alice".to_owned()), "{there:?}");
}

#[tokio::test]
async fn users_without_a_shared_room_get_nothing_of_each_other() {
    let node = Node::new().await;
    let mut alice = enter(&node, "alice").await;
    let mut bob = node.connect("bob").await;
    bob.enters("elsewhere").await;
    bob.send_json(json!({"type": "status", "status": "busy"})).await;
    let _carol = enter(&node, "carol").await;
    assert_eq!(alice.changes_until("carol").await, []);
}

#[tokio::test]
async fn a_leave_is_announced_again_to_users_who_saw_the_user_in_another_room_meanwhile() {
    let node = Node::new().await;
    let mut alice = enter(&node, "alice").await;
    let bob = enter(&node, "bob").await;
    assert_eq!(alice.change().await, is("bob", "online"));
    drop(bob);
    node.open(1).await;
    node.advance(5).await;
    assert_eq!(alice.change().await, is("bob", "offline"));
    let mut bob = node.connect("bob").await;
    bob.enters("random").await;
    assert_eq!(alice.enters("random").await, ["alice", "bob"]);
    drop(bob);
    node.open(1).await;
    node.advance(5).await;
    assert_eq!(alice.change().await, is("bob", "offline"));
}
