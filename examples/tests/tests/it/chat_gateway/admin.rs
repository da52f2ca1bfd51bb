//! Operators disconnect users.

use super::{Cluster, Node, admin, post, token};
use crate::client::send;
use crate::ws::connect_with;
use serde_json::{Value, json};

async fn attempt(node: &Node, user: &str) -> Option<u16> {
    connect_with(node.address, &format!("/ws?token={}", token(user)), &[]).await.err()
}

#[tokio::test]
async fn a_user_is_closed_with_4403_on_every_instance_and_kept_away() {
    let cluster = Cluster::new();
    let (one, two) = (Node::of(&cluster, &[]).await, Node::of(&cluster, &[]).await);
    let mut closed =
        [one.connect("mallory").await, one.connect("mallory").await, two.connect("mallory").await];
    let mut stays = two.connect("alice").await;
    let reply = post(one.address, "/admin/disconnect/mallory", &admin(), json!({"seconds": 60})).await;
    assert_eq!(reply.status_and_text(), (202, r#"{"user_id":"mallory","seconds":60}"#));
    for client in &mut closed {
        assert_eq!(client.closed().await, 4403);
    }
    stays.send_json(json!({"type": "ping"})).await;
    assert_eq!(stays.next().await["type"], "pong");
    for node in [&one, &two] {
        assert_eq!(attempt(node, "mallory").await, Some(403));
        node.advance(29).await;
    }
    assert_eq!(attempt(&two, "mallory").await, Some(403));
    one.advance(3).await;
    for node in [&one, &two] {
        assert_eq!(attempt(node, "mallory").await, None);
    }
}

#[tokio::test]
async fn without_seconds_the_user_may_come_back_at_once() {
    let node = Node::new().await;
    for body in [Value::Null, json!({}), json!({"seconds": null}), json!({"seconds": 0})] {
        let mut client = node.connect("mallory").await;
        let reply = post(node.address, "/admin/disconnect/mallory", &admin(), body.clone()).await;
        assert_eq!(reply.status, 202, "{body}");
        assert_eq!(client.closed().await, 4403, "{body}");
        node.advance(1).await;
        assert_eq!(attempt(&node, "mallory").await, None, "{body}");
    }
}

#[tokio::test]
async fn only_administrators_may_disconnect_and_errors_have_reasons() {
    let node = Node::new().await;
    let path = "/admin/disconnect/mallory";
    assert_eq!(send(node.address, "POST", path, &[], "{}").await.status, 401);
    assert_eq!(post(node.address, path, &token("alice"), json!({})).await.status, 403);
    for body in [json!({"seconds": -1}), json!({"seconds": "1"}), json!([])] {
        assert_eq!(post(node.address, path, &admin(), body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(post(node.address, "/admin/disconnect/a%00", &admin(), json!({})).await.status, 400);
    assert_eq!(send(node.address, "GET", path, &[], "").await.status, 405);
}
