//! Messages and typing over sockets.

use super::client::Client;
use crate::rig::Rig;
use presence_axum::ws::Settings;
use presence_core::broker::{Broker, Channel, Publish};
use presence_memory::MemoryBroker;
use serde_json::{Value, json};
use std::time::Duration;

async fn rig() -> (Rig, MemoryBroker) {
    let broker = MemoryBroker::new();
    let carried = broker.clone();
    (Rig::with(|mount| mount.broker(carried)).await, broker)
}

/// A client that speaks as `user` and is subscribed to `room`.
async fn member(rig: &Rig, user: &str) -> Client {
    let mut client = Client::connect(rig.address).await;
    client.send(&json!({ "type": "enter", "user": user, "topics": ["room"] }).to_string()).await;
    client.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    client.of("presence_state").await;
    client
}

async fn say(client: &mut Client, text: &str) -> Value {
    client
        .send(
            &json!({ "type": "publish", "topic": "room", "data": { "text": text }, "ref": text }).to_string(),
        )
        .await;
    client.of("published").await
}

#[tokio::test]
async fn a_message_is_acknowledged_and_reaches_all_subscribers_once() {
    let (rig, _) = rig().await;
    let (mut ada, mut bob) = (member(&rig, "ada").await, member(&rig, "bob").await);
    let published = say(&mut ada, "one").await;
    assert_eq!((&published["ref"], &published["repeated"]), (&json!("one"), &json!(false)));
    let message = bob.of("message").await;
    assert_eq!(message["id"], published["id"]);
    assert_eq!(
        (&message["user"], &message["name"], &message["topic"]),
        (&json!("ada"), &json!("ada"), &json!("room"))
    );
    assert_eq!(message["data"], json!({ "text": "one" }));
    say(&mut ada, "two").await;
    assert_eq!(bob.of("message").await["data"]["text"], "two");
}

#[tokio::test]
async fn a_message_sent_again_under_its_key_is_stored_once() {
    let (rig, _) = rig().await;
    let (mut ada, mut bob) = (member(&rig, "ada").await, member(&rig, "bob").await);
    let frame = r#"{"type":"publish","topic":"room","data":1,"key":"k","ref":1}"#;
    ada.send(frame).await;
    let first = ada.of("published").await;
    ada.send(frame).await;
    let again = ada.of("published").await;
    assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &json!(true)));
    // Another user's key is another key.
    bob.send(frame).await;
    assert_eq!(bob.of("published").await["repeated"], false);
}

#[tokio::test]
async fn a_client_that_resumes_gets_the_messages_that_it_missed() {
    let (rig, _) = rig().await;
    let mut ada = member(&rig, "ada").await;
    let seen = say(&mut ada, "one").await;
    for text in ["two", "three"] {
        say(&mut ada, text).await;
    }
    let mut back = Client::connect(rig.address).await;
    let wish = json!({ "topic": "room", "after": seen["id"] });
    back.send(&json!({ "type": "subscribe", "topics": [wish] }).to_string()).await;
    for text in ["two", "three"] {
        assert_eq!(back.of("message").await["data"]["text"], text);
    }
    say(&mut ada, "four").await;
    assert_eq!(back.of("message").await["data"]["text"], "four");
}

#[tokio::test]
async fn a_client_that_resumes_before_its_first_message_gets_all_since_its_position() {
    let (rig, broker) = rig().await;
    for history in [0, 3] {
        for n in 0..history {
            let old = Publish::new(Channel::new("topic:room").unwrap(), format!("{n}"));
            broker.publish(old).await.unwrap();
        }
        let mut bob = member(&rig, "bob").await;
        let position = bob.of("position").await;
        assert_eq!(position["topic"], "room");
        assert_eq!(position["id"] == "0-0", history == 0);
        drop(bob);
        let mut ada = member(&rig, "ada").await;
        say(&mut ada, "meanwhile").await;
        let mut back = Client::connect(rig.address).await;
        let wish = json!({ "topic": "room", "after": position["id"] });
        back.send(&json!({ "type": "subscribe", "topics": [wish] }).to_string()).await;
        assert_eq!(back.of("message").await["data"]["text"], "meanwhile", "{history}");
    }
}

#[tokio::test]
async fn a_lost_history_is_reported_before_the_remaining_messages() {
    let (rig, _) = rig().await;
    let mut ada = member(&rig, "ada").await;
    say(&mut ada, "one").await;
    let mut back = Client::connect(rig.address).await;
    back.send(r#"{"type":"subscribe","topics":[{"topic":"room","after":"1-1"}]}"#).await;
    assert_eq!(
        back.of("missed").await,
        json!({ "type": "missed", "topic": "room", "reason": "incarnation" })
    );
    assert_eq!(back.of("message").await["data"]["text"], "one");
}

#[tokio::test]
async fn messages_of_the_host_have_no_user() {
    let (rig, broker) = rig().await;
    let mut ada = member(&rig, "ada").await;
    let channel = Channel::new("topic:room").unwrap();
    for (payload, data) in [(r#"{"sale":true}"#, json!({ "sale": true })), ("plain", json!("plain"))] {
        broker.publish(Publish::new(channel.clone(), payload)).await.unwrap();
        let message = ada.of("message").await;
        assert_eq!((&message["user"], &message["data"]), (&json!(null), &data));
    }
}

#[tokio::test]
async fn publishing_needs_a_subscription_or_a_session_in_the_topic() {
    let (rig, _) = rig().await;
    let mut ada = member(&rig, "ada").await;
    for frame in [r#"{"type":"publish","topic":"other","data":1}"#, r#"{"type":"typing","topic":"other"}"#] {
        ada.send(frame).await;
        let error = ada.of("error").await;
        assert_eq!((&error["code"], &error["error"]), (&json!(403), &json!("not subscribed")));
    }
}

#[tokio::test]
async fn typing_is_shown_to_the_others_and_ends_with_the_message() {
    let (rig, _) = rig().await;
    let (mut ada, mut bob) = (member(&rig, "ada").await, member(&rig, "bob").await);
    for _ in 0..3 {
        ada.send(r#"{"type":"typing","topic":"room"}"#).await;
    }
    let typing = bob.of("typing").await;
    assert_eq!(
        typing,
        json!({ "type": "typing", "topic": "room", "user": "ada", "name": "ada", "value": true, "for": 6_000 })
    );
    let published = say(&mut ada, "done").await;
    // Three times within its life is shown once: the next one is its end.
    let mut frames = vec![bob.next().await, bob.next().await];
    while frames.last().unwrap()["type"] == "presence_diff" {
        frames.push(bob.next().await);
    }
    frames.retain(|frame| frame["type"] != "presence_diff");
    while frames.len() < 2 {
        frames.push(bob.next().await);
    }
    let end = frames.iter().find(|frame| frame["type"] == "typing").unwrap();
    assert_eq!(end["value"], json!(null));
    let message = frames.iter().find(|frame| frame["type"] == "message").unwrap();
    assert_eq!(message["id"], published["id"]);
}

#[tokio::test]
async fn typing_ends_by_itself_and_when_the_socket_goes() {
    let broker = MemoryBroker::new();
    let carried = broker.clone();
    let rig = Rig::with(|mount| {
        let settings = Settings::default().typing_for(Duration::from_secs(5));
        mount.broker(carried).sockets_with(settings)
    })
    .await;
    let (mut ada, mut bob) = (member(&rig, "ada").await, member(&rig, "bob").await);
    ada.send(r#"{"type":"typing","topic":"room","value":{"field":"title"}}"#).await;
    assert_eq!(bob.of("typing").await["value"], json!({ "field": "title" }));
    rig.advance(5).await;
    assert_eq!(bob.of("typing").await["value"], json!(null));

    ada.send(r#"{"type":"typing","topic":"room"}"#).await;
    assert_eq!(bob.of("typing").await["value"], json!(true));
    drop(ada);
    assert_eq!(bob.of("typing").await["value"], json!(null));
}

#[tokio::test]
async fn nothing_is_shown_of_a_hidden_user() {
    let (rig, _) = rig().await;
    let (mut ada, mut bob) = (member(&rig, "ada").await, member(&rig, "bob").await);
    ada.send(r#"{"type":"typing","topic":"room","value":1}"#).await;
    assert_eq!(bob.of("typing").await["value"], 1);
    ada.send(r#"{"type":"beat","status":"offline","ref":1}"#).await;
    ada.of("ok").await;
    assert_eq!(bob.of("typing").await["value"], json!(null));
    ada.send(r#"{"type":"typing","topic":"room","value":2,"ref":2}"#).await;
    ada.send(r#"{"type":"beat","status":"online","ref":3}"#).await;
    ada.of("ok").await;
    ada.send(r#"{"type":"typing","topic":"room","value":3}"#).await;
    assert_eq!(bob.of("typing").await["value"], 3);
}
