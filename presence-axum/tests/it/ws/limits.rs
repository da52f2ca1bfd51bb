//! What clients that do too much, or nothing, get.

use super::client::{Client, connect_with};
use crate::rig::{Rig, START, WARM_UP};
use axum::extract::Request;
use futures_util::SinkExt;
use presence_axum::ws::{Frames, Gateway, Json, Problem, Protocol, Settings, Update};
use presence_axum::{Limits, Mount};
use presence_core::testing::ManualClock;
use presence_core::{Builder, SessionId, SessionKey, UserId};
use presence_memory::{MemoryBroker, MemoryStore};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_burst_is_accepted_and_a_flood_gets_errors_and_is_then_closed() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    for n in 0..50 {
        client.send(&json!({ "type": "ping", "ref": n }).to_string()).await;
    }
    for n in 0..50 {
        assert_eq!(client.of("pong").await["ref"], n);
    }
    for _ in 0..50 {
        client.send(r#"{"type":"ping"}"#).await;
    }
    let error = client.of("error").await;
    assert_eq!((&error["code"], &error["error"]), (&json!(429), &json!("too many frames")));
    for _ in 0..50 {
        let _ = client.0.feed(Message::text(r#"{"type":"ping"}"#)).await;
    }
    let _ = client.0.flush().await;
    assert_eq!(client.closed().await, 1008);
}

#[tokio::test]
async fn a_message_of_a_mebibyte_is_too_large() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    client.0.send(Message::text("x".repeat(1024 * 1024))).await.unwrap();
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn a_binary_frame_is_refused() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    client.0.send(Message::binary(vec![1])).await.unwrap();
    assert_eq!(client.closed().await, 1003);
}

#[tokio::test]
async fn one_socket_has_no_more_than_sixty_four_topics() {
    let rig = Rig::new().await;
    let mut client = Client::connect(rig.address).await;
    let topics: Vec<_> = (0..65).map(|n| format!("room{n}")).collect();
    client.send(&json!({ "type": "subscribe", "topics": topics, "ref": "all" }).to_string()).await;
    let error = client.of("error").await;
    let expected =
        json!({ "type": "error", "ref": "all", "topic": "room64", "code": 429, "error": "too many topics" });
    assert_eq!(error, expected);
    client.send(r#"{"type":"unsubscribe","topics":["room0"]}"#).await;
    client.of("unsubscribed").await;
    client.send(r#"{"type":"subscribe","topics":["room64","room64"]}"#).await;
    assert_eq!(client.of("subscribed").await["topic"], "room64");
}

#[tokio::test]
async fn silent_connections_are_closed_and_pinging_ones_are_not() {
    let rig = Rig::with(|mount| mount.limits(Limits::shared())).await;
    let mut mute = Vec::new();
    for _ in 0..1_000 {
        mute.push(Client::connect(rig.address).await);
    }
    let mut pinging = Client::connect(rig.address).await;
    rig.advance(40).await;
    pinging.0.send(Message::Ping(vec![7].into())).await.unwrap();
    loop {
        if let Some(Ok(Message::Pong(payload))) = pinging.message().await {
            assert_eq!(payload, vec![7]);
            break;
        }
    }
    rig.advance(30).await;
    for client in &mut mute {
        assert_eq!(client.closed().await, 1008);
    }
    pinging.send(r#"{"type":"ping"}"#).await;
    pinging.of("pong").await;
}

#[tokio::test]
async fn the_number_of_sockets_per_client_is_limited() {
    let rig = Rig::with(|mount| mount.limits(Limits::default().streams(3).streams_per_client(2))).await;
    let first = Client::connect(rig.address).await;
    let _second = Client::connect(rig.address).await;
    assert_eq!(connect_with(rig.address, "/v1/ws", &[]).await.map(drop), Err(429));
    drop(first);
    // Its permit is free once the server has noticed.
    while connect_with(rig.address, "/v1/ws", &[]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reader_that_stops_is_disconnected_and_others_are_not_delayed() {
    let broker = MemoryBroker::new();
    let carried = broker.clone();
    let rig = Rig::with(|mount| {
        let settings = Settings::default()
            .write_within(Duration::from_millis(300))
            .idle_for(Duration::from_hours(1))
            .close_within(Duration::from_secs(30));
        mount.broker(carried).sockets_with(settings)
    })
    .await;
    let mut stalled = Client::connect(rig.address).await;
    let mut reader = Client::connect(rig.address).await;
    let mut writer = Client::connect(rig.address).await;
    writer.send(r#"{"type":"enter","user":"ada","topics":["room"]}"#).await;
    for client in [&mut stalled, &mut reader] {
        client.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
        client.of("presence_state").await;
    }
    let data = "x".repeat(60_000);
    for n in 0..150 {
        rig.advance(1).await; // its frames come one a second
        writer.send(&json!({ "type": "publish", "topic": "room", "data": data, "ref": n }).to_string()).await;
        writer.of("published").await;
        reader.of("message").await;
    }
    // What lies in the kernel's buffers comes first.
    assert_eq!(stalled.closed().await, 1013);
}

#[tokio::test]
async fn a_request_without_an_upgrade_gets_426() {
    let rig = Rig::new().await;
    let reply = rig.get("/v1/ws").await;
    assert_eq!(reply.status, 426);
}

#[tokio::test]
async fn a_user_in_too_many_topics_gets_an_error_and_keeps_their_topics() {
    let clock = ManualClock::at(START - WARM_UP);
    let app = |presence| {
        let gateway = Gateway::with(&Mount::new(presence), Joins, Settings::default());
        let socket = move |request: Request| async move { gateway.upgrade(request).await };
        axum::Router::new().route("/v1/ws", axum::routing::get(socket))
    };
    let set = |builder: Builder| builder.max_topics_per_user(3);
    let rig = Rig::built(MemoryStore::with_clock(clock.clone()), clock, set, app).await;
    let mut first = Client::connect(rig.address).await;
    first.send(r#"{"type":"enter","user":"ada","session":"1","topics":["a","b"],"ref":1}"#).await;
    first.of("entered").await;
    let mut second = Client::connect(rig.address).await;
    let error = json!({ "type": "error", "ref": 2, "code": 429, "error": "too many topics" });
    second.send(r#"{"type":"enter","user":"ada","session":"2","topics":["a","b"],"ref":2}"#).await;
    assert_eq!(second.of("error").await, error);
    second.send(r#"{"type":"enter","user":"ada","session":"2","topics":["a"],"ref":3}"#).await;
    assert_eq!(second.of("entered").await["ref"], 3);
    second.send(r#"{"type":"beat","topics":["b","c"],"ref":2}"#).await;
    assert_eq!(second.of("error").await, error);
    // A subscription that joins needs room in the topic.
    second.send(r#"{"type":"subscribe","topics":["a","c"],"ref":2}"#).await;
    let frame = second.of("error").await;
    assert_eq!(
        frame,
        json!({ "type": "error", "ref": 2, "topic": "c", "code": 429, "error": "too many topics" })
    );
    let topics = |session: &str| {
        let key = key("ada", session);
        let known = rig.presence.session(&key).unwrap().placement.topics;
        known.names().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((topics("1"), topics("2")), (vec!["a".into(), "b".into()], vec!["a".into()]));
    first.send(r#"{"type":"unsubscribe","topics":["b"]}"#).await;
    first.send(r#"{"type":"beat","topics":["a"],"ref":4}"#).await;
    assert_eq!(first.of("ok").await["ref"], 4);
    second.send(r#"{"type":"subscribe","topics":["c"],"ref":5}"#).await;
    assert_eq!(second.of("subscribed").await["topic"], "c");
}

/// The mount's own protocol, but for this: who subscribes to a topic is there.
pub struct Joins;

impl Protocol for Joins {
    fn decode(&self, text: &str) -> Result<presence_axum::ws::Request, Problem> {
        Json.decode(text)
    }

    fn encode(&self, update: &Update, frames: &mut Frames) {
        Json.encode(update, frames);
    }

    fn subscribing_enters(&self) -> bool {
        true
    }
}

fn key(user: &str, session: &str) -> SessionKey {
    SessionKey { user: UserId::new(user).unwrap(), id: SessionId::new(session).unwrap() }
}
