//! Typing users.

use super::Node;
use crate::ws::Client;
use serde_json::json;

async fn pair(node: &Node) -> (Client, Client) {
    let (mut alice, mut bob) = (node.connect("alice").await, node.connect("bob").await);
    alice.enters("general").await;
    bob.enters("general").await;
    (alice, bob)
}

async fn types(client: &mut Client) {
    client.send_json(json!({"type": "typing", "channel_id": "general"})).await;
    client.send_json(json!({"type": "ping"})).await;
    client.of("pong").await;
}

/// The number of typing events before this message.
async fn typing_events_before(client: &mut Client, message: &str) -> usize {
    let mut events = 0;
    loop {
        let frame = client.next().await;
        if frame["data"]["content"] == message {
            return events;
        }
        events += usize::from(frame["type"] == "typing");
    }
}

#[tokio::test]
async fn typing_is_shown_to_the_others_in_the_room() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    types(&mut bob).await;
    let typing = json!({"type": "typing", "channel_id": "general", "dm_id": null, "user_id": "bob", "username": "BOB"});
    assert_eq!(alice.of("typing").await, typing);
    node.say("carol", "general", "enough").await;
    assert_eq!(typing_events_before(&mut bob, "enough").await, 0, "not to the one who types");
}

#[tokio::test]
async fn continued_typing_is_announced_once_within_its_time() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    for _ in 0..4 {
        types(&mut bob).await;
        node.advance(1).await;
    }
    node.say("carol", "general", "first").await;
    assert_eq!(typing_events_before(&mut alice, "first").await, 1);
    // Typing goes on for longer than that, and is announced again.
    node.advance(2).await;
    node.say("carol", "general", "second").await;
    assert_eq!(typing_events_before(&mut alice, "second").await, 1);
    // And once it has ended it begins anew.
    node.advance(10).await;
    types(&mut bob).await;
    node.say("carol", "general", "third").await;
    assert_eq!(typing_events_before(&mut alice, "third").await, 1);
}

#[tokio::test]
async fn typing_ends_with_the_users_message_on_whatever_way_it_came() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    types(&mut bob).await;
    node.say("bob", "general", "hello").await;
    assert_eq!(typing_events_before(&mut alice, "hello").await, 1);
    typing_events_before(&mut bob, "hello").await;
    types(&mut bob).await;
    node.say("bob", "general", "again").await;
    assert_eq!(typing_events_before(&mut alice, "again").await, 1, "typing began anew");
    // Another's message ends nothing.
    typing_events_before(&mut bob, "again").await;
    types(&mut bob).await;
    node.say("carol", "general", "mine").await;
    typing_events_before(&mut bob, "mine").await;
    types(&mut bob).await;
    node.say("carol", "general", "done").await;
    assert_eq!(typing_events_before(&mut alice, "done").await, 1);
}

#[tokio::test]
async fn typing_ends_with_leaving_the_room() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    types(&mut bob).await;
    bob.send_json(json!({"type": "unsubscribe", "channel_id": "general"})).await;
    bob.of("unsubscribed").await;
    bob.enters("general").await;
    types(&mut bob).await;
    node.say("carol", "general", "done").await;
    assert_eq!(typing_events_before(&mut alice, "done").await, 2);
}

#[tokio::test]
async fn a_user_who_appears_offline_is_not_shown_typing() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    bob.send_json(json!({"type": "status", "status": "offline"})).await;
    types(&mut bob).await;
    let mut tab = node.connect("bob").await;
    tab.enters("general").await;
    types(&mut tab).await;
    node.say("carol", "general", "done").await;
    assert_eq!(typing_events_before(&mut alice, "done").await, 0);
}

#[tokio::test]
async fn only_subscribers_may_type_and_hear_of_it() {
    let node = Node::new().await;
    let (mut alice, mut bob) = pair(&node).await;
    let mut carol = node.connect("carol").await;
    carol.send_json(json!({"type": "typing", "channel_id": "general"})).await;
    assert_eq!(carol.next().await["code"], 403);
    types(&mut bob).await;
    assert_eq!(alice.of("typing").await["user_id"], "bob");
    carol.send_json(json!({"type": "ping"})).await;
    assert_eq!(carol.next().await["type"], "pong");
}
