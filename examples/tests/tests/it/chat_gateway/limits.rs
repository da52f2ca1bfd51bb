//! Clients that do too much, or nothing.

use super::Node;
use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn bursts_of_fifty_and_twenty_frames_a_second_pass() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    let mut pings = async |count| {
        for _ in 0..count {
            alice.send_json(json!({"type": "ping"})).await;
        }
        for _ in 0..count {
            assert_eq!(alice.next().await["type"], "pong");
        }
    };
    pings(50).await;
    for _ in 0..30 {
        node.advance(1).await;
        pings(20).await;
    }
}

#[tokio::test]
async fn a_flood_gets_429_and_then_a_close_with_1008() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    for _ in 0..100 {
        alice.send_json(json!({"type": "ping"})).await;
    }
    let error = alice.of("error").await;
    assert_eq!(error, json!({"type": "error", "error": "Too many frames", "code": 429}));
    for _ in 0..100 {
        let _ = alice.0.feed(Message::text(r#"{"type":"ping"}"#)).await;
    }
    let _ = alice.0.flush().await;
    assert_eq!(alice.closed().await, 1008);
}

#[tokio::test]
async fn a_message_of_64_kib_is_read_and_a_larger_one_closes_with_1009() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    let padded = |bytes: usize| {
        let frame = r#"{"type":"ping","x":""}"#;
        frame.replace(r#""""#, &format!(r#""{}""#, "x".repeat(bytes - frame.len())))
    };
    alice.send(&padded(64 * 1024)).await;
    assert_eq!(alice.next().await["type"], "pong");
    alice.send(&padded(64 * 1024 + 1)).await;
    assert_eq!(alice.closed().await, 1009);
}

#[tokio::test]
async fn a_socket_without_any_frame_for_two_intervals_is_closed() {
    let node = Node::with(&["--ws-heartbeat-interval", "10"]).await;
    let (mut mute, mut pings, mut low) =
        (node.connect("mute").await, node.connect("pings").await, node.connect("low").await);
    low.enters("general").await;
    for _ in 0..3 {
        node.advance(9).await;
        pings.send_json(json!({"type": "ping"})).await;
        assert_eq!(pings.next().await["type"], "pong");
        low.0.send(Message::Ping(vec![7].into())).await.unwrap();
        assert!(matches!(low.message().await, Some(Ok(Message::Pong(payload))) if payload[..] == [7]));
    }
    assert_eq!(mute.closed().await, 1008);
    node.open(2).await;
}

#[tokio::test]
async fn a_close_is_answered() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    alice.0.close(None).await.unwrap();
    assert!(matches!(alice.message().await, Some(Ok(Message::Close(_)))));
    node.open(0).await;
}
