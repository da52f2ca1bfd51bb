//! How many topics sockets subscribe to, and what that costs.

use super::client::Client;
use super::limits::Joins;
use crate::rig::{Rig, START, WARM_UP};
use axum::extract::Request;
use presence_axum::limits::Quota;
use presence_axum::ws::{Gateway, Settings};
use presence_axum::{Limits, Mount};
use presence_core::testing::ManualClock;
use presence_core::{SessionId, SessionKey, Topic, UserId};
use presence_memory::MemoryStore;
use serde_json::{Value, json};

/// Subscribes to `n` topics that nobody else subscribes to, and counts those that are not refused.
async fn subscribed(client: &mut Client, name: &str, n: usize) -> (usize, Vec<Value>) {
    let topics: Vec<_> = (0..n).map(|n| format!("{name}-{n}")).collect();
    client.send(&json!({ "type": "subscribe", "topics": topics, "ref": name }).to_string()).await;
    let (mut begun, mut refused) = (0, Vec::new());
    while begun + refused.len() < n {
        let received = client.next().await;
        match received["type"].as_str() {
            Some("subscribed") => begun += 1,
            Some("error") => refused.push(received),
            _ => {}
        }
    }
    (begun, refused)
}

#[tokio::test]
async fn the_number_of_topics_per_client_is_limited_over_all_its_sockets() {
    let rig = Rig::with(|mount| mount.limits(Limits::default().topics_per_client(70))).await;
    let mut first = Client::connect(rig.address).await;
    let mut second = Client::connect(rig.address).await;
    assert_eq!(subscribed(&mut first, "a", 60).await.0, 60);
    let (begun, refused) = subscribed(&mut second, "b", 12).await;
    let error = json!({
        "type": "error", "ref": "b", "topic": "b-11", "code": 429, "error": "too many topics"
    });
    assert_eq!((begun, refused.len(), &refused[1]), (10, 2, &error));
    // To subscribe anew takes no more room, and what has been given back may be taken again.
    first.send(r#"{"type":"subscribe","topics":["a-0"],"ref":"again"}"#).await;
    assert_eq!(first.of("subscribed").await["ref"], "again");
    first.send(r#"{"type":"unsubscribe","topics":["a-0"],"ref":"less"}"#).await;
    first.of("unsubscribed").await;
    assert_eq!(subscribed(&mut second, "b", 11).await.0, 11);
    drop(first);
    // The server has yet to see that the first one has gone.
    while subscribed(&mut Client::connect(rig.address).await, "c", 55).await.0 < 55 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_number_of_rooms_is_limited_and_existing_ones_accept_everybody() {
    let rig = Rig::with(|mount| {
        let settings = Settings::default().rooms(5);
        mount.sockets_with(settings)
    })
    .await;
    let mut first = Client::connect(rig.address).await;
    let mut second = Client::connect(rig.address).await;
    let (begun, refused) = subscribed(&mut first, "room", 6).await;
    let error = json!({ "type": "error", "ref": "room", "topic": "room-5", "code": 503, "error": "full" });
    assert_eq!((begun, &refused[..]), (5, &[error][..]));
    assert_eq!(subscribed(&mut second, "room", 6).await.0, 5);
    for client in [&mut first, &mut second] {
        client.send(r#"{"type":"unsubscribe","topics":["room-4"],"ref":1}"#).await;
        client.of("unsubscribed").await;
    }
    assert_eq!(subscribed(&mut second, "other", 1).await.0, 1);
}

#[tokio::test]
async fn subscriptions_and_lists_of_a_socket_count_as_queries() {
    let quota = Quota::per_minute(1).map(|quota| quota.burst(6));
    let rig = Rig::with(|mount| mount.limits(Limits::default().queries_per_client(quota))).await;
    // One of them is the connection.
    let mut client = Client::connect(rig.address).await;
    let (begun, refused) = subscribed(&mut client, "room", 64).await;
    assert_eq!(begun, 47);
    assert_eq!((&refused[0]["code"], &refused[0]["error"]), (&json!(429), &json!("too many requests")));
    client.send(r#"{"type":"list","topic":"room-0","limit":1000,"ref":"l"}"#).await;
    let error = client.of("error").await;
    assert_eq!((&error["ref"], &error["code"]), (&json!("l"), &json!(429)));
}

#[tokio::test]
async fn a_refused_subscription_does_not_enter_the_topic() {
    let clock = ManualClock::at(START - WARM_UP);
    let app = |presence| {
        let settings = Settings::default().rooms(2);
        let gateway = Gateway::with(&Mount::new(presence), Joins, settings);
        let socket = move |request: Request| async move { gateway.upgrade(request).await };
        axum::Router::new().route("/v1/ws", axum::routing::get(socket))
    };
    let rig = Rig::built(MemoryStore::with_clock(clock.clone()), clock, |builder| builder, app).await;
    let mut client = Client::connect(rig.address).await;
    client.send(r#"{"type":"enter","user":"ada","session":"1","topics":["room-0"],"ref":1}"#).await;
    client.of("entered").await;
    assert_eq!(subscribed(&mut client, "room", 3).await.0, 2);
    client.send(r#"{"type":"ping","ref":2}"#).await;
    client.of("pong").await;
    let key = SessionKey { user: UserId::new("ada").unwrap(), id: SessionId::new("1").unwrap() };
    let topics = rig.presence.session(&key).unwrap().placement.topics;
    assert_eq!(topics.names().map(Topic::as_str).collect::<Vec<_>>(), ["room-0", "room-1"]);
}
