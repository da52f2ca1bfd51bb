//! Several instances on one store, in virtual time.

use super::{Cluster, Node, is};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn presence_typing_and_messages_cross_instances() {
    let cluster = Cluster::new();
    let (one, two) = (Node::of(&cluster, &[]).await, Node::of(&cluster, &[]).await);
    let (mut alice, mut bob) = (one.connect("alice").await, two.connect("bob").await);
    alice.enters("general").await;
    bob.enters("general").await;
    assert_eq!(alice.change().await, is("bob", "online"));
    bob.send_json(json!({"type": "typing", "channel_id": "general"})).await;
    assert_eq!(alice.of("typing").await["username"], "BOB");
    one.say("alice", "general", "hello").await;
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.of("message").await["data"]["content"], "hello");
    }
    let shown = two.get("/presence").await.json();
    assert_eq!(shown["count"], 2);
}

#[tokio::test]
async fn a_graceful_shutdown_is_not_seen_by_users_whose_friends_reconnect() {
    let cluster = Cluster::new();
    let (one, two) = (Node::of(&cluster, &[]).await, Node::of(&cluster, &[]).await);
    let mut alice = two.connect("alice").await;
    alice.enters("general").await;
    let (mut bob, mut lost) = (one.connect("bob").await, one.connect("lost").await);
    for client in [&mut bob, &mut lost] {
        client.enters("general").await;
    }
    let mut came = [alice.change().await, alice.change().await];
    came.sort();
    assert_eq!(came, [is("bob", "online"), is("lost", "online")]);
    one.presence.drain(Duration::from_secs(10)).await;
    for client in [&mut bob, &mut lost] {
        assert_eq!(client.closed().await, 1012);
    }
    one.presence.shutdown().await;
    two.advance(7).await;
    let mut bob = two.connect("bob").await;
    bob.enters("general").await;
    two.advance(40).await;
    // The user who did not reconnect is gone; the one who did never seemed to leave.
    assert_eq!(alice.change().await, is("lost", "offline"));
    let mut carol = two.connect("carol").await;
    carol.enters("general").await;
    assert_eq!(alice.changes_until("carol").await, []);
}
