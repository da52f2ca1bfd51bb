//! Who is on a socket, and until when.

use super::client::{Client, connect_with};
use crate::auth::forge::{SECRET, signed};
use crate::log::Log;
use crate::rig::{Rig, START};
use http::request::Parts;
use presence_axum::auth::{Action, Hs256, Identity, Refused, Resource};
use presence_core::testing::ManualClock;
use presence_core::{Beat, DisconnectTarget, SessionId, SessionKey, Topic, Topics, UserId};
use presence_memory::{MemoryBroker, MemoryStore};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

fn token(user: &str, seconds: u64) -> String {
    let expires = START.as_millis() / 1_000 + seconds;
    signed(&json!({ "sub": user, "preferred_username": format!("{user} the great"), "exp": expires }))
}

async fn rig() -> Rig {
    let broker = MemoryBroker::new();
    let clock = ManualClock::at(START);
    let identify = Hs256::new(SECRET).leeway(Duration::ZERO).clock(clock.clone());
    Rig::on(MemoryStore::with_clock(clock.clone()), clock, 1_000, |presence| {
        presence_axum::Mount::new(presence)
            .broker(broker)
            .identify(identify)
            .authorize(|_: &Identity, action: Action, on: Resource<'_>| match (action, on) {
                (Action::SpeakFor, _) => false,
                (_, Resource::Topic(topic)) => topic.as_str() != "secret",
                _ => true,
            })
            .routes()
    })
    .await
}

async fn connect(rig: &Rig, token: &str) -> Client {
    connect_with(rig.address, "/v1/ws", &[("authorization", &format!("Bearer {token}"))])
        .await
        .map_err(|s| s.to_string())
        .unwrap()
}

#[tokio::test]
async fn a_token_is_accepted_in_header_query_or_subprotocol_and_an_invalid_one_refused() {
    let rig = rig().await;
    let good = token("ada", 60);
    let by_query = format!("/v1/ws?token={good}");
    let mut clients =
        vec![connect(&rig, &good).await, connect_with(rig.address, &by_query, &[]).await.ok().unwrap()];
    let offered = format!("bearer, {good}");
    clients.push(
        connect_with(rig.address, "/v1/ws", &[("sec-websocket-protocol", &offered)]).await.ok().unwrap(),
    );
    for client in &mut clients {
        let hello = client.next().await;
        assert_eq!((&hello["user"], &hello["name"]), (&json!("ada"), &json!("ada the great")));
    }
    for bad in ["/v1/ws", "/v1/ws?token=nonsense", &format!("/v1/ws?token={}", token("ada", 0))] {
        assert_eq!(connect_with(rig.address, bad, &[]).await.map(drop), Err(401), "{bad}");
    }
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(connect_with(rig.address, &by_query, &foreign).await.map(drop), Err(403));
}

#[tokio::test]
async fn user_and_name_come_from_the_token_and_users_cannot_act_for_others() {
    let rig = rig().await;
    let (mut ada, mut bob) = (connect(&rig, &token("ada", 60)).await, connect(&rig, &token("bob", 60)).await);
    ada.send(r#"{"type":"enter","user":"bob","ref":1}"#).await;
    let error = ada.of("error").await;
    assert_eq!((&error["code"], &error["ref"]), (&json!(403), &json!(1)));
    ada.send(r#"{"type":"enter","topics":["room"],"name":"root","ref":2}"#).await;
    assert_eq!(ada.of("entered").await["user"], "ada");
    assert!(rig.presence.user(&UserId::new("bob").unwrap()).is_none());
    bob.send(r#"{"type":"subscribe","topics":["room"]}"#).await;
    bob.of("presence_state").await;
    ada.send(r#"{"type":"typing","topic":"room","name":"root","user":"bob"}"#).await;
    let typing = bob.of("typing").await;
    assert_eq!((&typing["user"], &typing["name"]), (&json!("ada"), &json!("ada the great")));
    ada.send(r#"{"type":"publish","topic":"room","data":1,"name":"root","user":"bob"}"#).await;
    let message = bob.of("message").await;
    assert_eq!((&message["user"], &message["name"]), (&json!("ada"), &json!("ada the great")));
}

#[tokio::test]
async fn a_topic_that_is_refused_is_refused_for_everything() {
    let rig = rig().await;
    let mut ada = connect(&rig, &token("ada", 60)).await;
    for frame in [
        r#"{"type":"enter","topics":["secret"]}"#,
        r#"{"type":"subscribe","topics":["secret"]}"#,
        r#"{"type":"typing","topic":"secret"}"#,
        r#"{"type":"publish","topic":"secret","data":1}"#,
        r#"{"type":"list","topic":"secret"}"#,
    ] {
        ada.send(frame).await;
        let error = ada.of("error").await;
        assert_eq!((&error["code"], &error["error"]), (&json!(403), &json!("forbidden")), "{frame}");
    }
    ada.send(r#"{"type":"subscribe","topics":["secret","open"],"ref":1}"#).await;
    assert_eq!(ada.of("error").await["topic"], "secret");
    assert_eq!(ada.of("subscribed").await["topic"], "open");
}

#[tokio::test]
async fn an_expired_token_ends_the_socket_and_a_newer_one_prolongs_it() {
    let rig = rig().await;
    let mut short = connect(&rig, &token("ada", 20)).await;
    let mut renewed = connect(&rig, &token("ada", 20)).await;
    for (other, code) in [(token("bob", 90), 403), ("nonsense".to_owned(), 401)] {
        renewed.send(&json!({ "type": "auth", "token": other, "ref": 1 }).to_string()).await;
        assert_eq!(renewed.of("error").await["code"], code);
    }
    renewed.send(&json!({ "type": "auth", "token": token("ada", 40), "ref": 2 }).to_string()).await;
    assert_eq!(renewed.of("ok").await["ref"], 2);
    rig.advance(21).await;
    assert_eq!(short.closed().await, 4401);
    renewed.send(r#"{"type":"ping"}"#).await;
    renewed.of("pong").await;
    rig.advance(20).await;
    assert_eq!(renewed.closed().await, 4401);
}

#[tokio::test]
async fn a_user_who_is_disconnected_loses_every_socket_and_is_refused_until_the_time_is_over() {
    let rig = rig().await;
    let token = token("ada", 600);
    let (mut entered, mut watching) = (connect(&rig, &token).await, connect(&rig, &token).await);
    // Another socket has taken its session over.
    let mut replaced = connect(&rig, &token).await;
    for client in [&mut replaced, &mut entered] {
        client.send(r#"{"type":"enter","session":"tab"}"#).await;
        client.of("entered").await;
    }
    let ada = DisconnectTarget::User(UserId::new("ada").unwrap());
    rig.presence.disconnect(&ada, Duration::from_mins(1)).await.unwrap();
    for client in [&mut entered, &mut watching, &mut replaced] {
        assert_eq!(client.closed().await, 4403);
    }
    let by_query = format!("/v1/ws?token={token}");
    assert_eq!(connect_with(rig.address, &by_query, &[]).await.map(drop), Err(403));
    for _ in 0..12 {
        rig.advance(6).await;
    }
    assert!(connect_with(rig.address, &by_query, &[]).await.is_ok());
}

#[tokio::test]
async fn disconnecting_a_session_closes_only_its_socket() {
    let rig = rig().await;
    let token = token("ada", 600);
    let (mut one, mut other) = (connect(&rig, &token).await, connect(&rig, &token).await);
    for (client, session) in [(&mut one, "one"), (&mut other, "other")] {
        client.send(&json!({ "type": "enter", "session": session }).to_string()).await;
        client.of("entered").await;
    }
    let key = SessionKey { user: UserId::new("ada").unwrap(), id: SessionId::new("one").unwrap() };
    rig.presence.disconnect(&DisconnectTarget::Session(key), Duration::ZERO).await.unwrap();
    assert_eq!(one.closed().await, 4403);
    other.send(r#"{"type":"ping"}"#).await;
    other.of("pong").await;
}

/// What a browser adds to what a page of the same origin asks for.
const OF_OUR_PAGE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// Ada, as long as the host's session of the cookie lasts, who may see `private` as long as
/// that is so.
async fn rig_of_cookies(logged_in: &Arc<AtomicBool>, trusted: &Arc<AtomicBool>) -> Rig {
    let (logged_in, trusted) = (Arc::clone(logged_in), Arc::clone(trusted));
    Rig::with_clock(move |mount, _| {
        mount
            .identify(presence_axum::auth::from_fn(move |_: &Parts| {
                let ada = UserId::new("ada").map(Identity::from_host);
                if logged_in.load(SeqCst) { Ok(ada?) } else { Err(Refused::Missing) }
            }))
            .authorize(move |_: &Identity, _: Action, on: Resource<'_>| {
                !matches!(on, Resource::Topic(topic) if topic.as_str() == "private") || trusted.load(SeqCst)
            })
    })
    .await
}

#[tokio::test]
async fn a_socket_loses_a_topic_with_the_right_to_see_it_and_keeps_the_others() {
    let (logged_in, trusted) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let rig = rig_of_cookies(&logged_in, &trusted).await;
    let mut ada = connect_with(rig.address, "/v1/ws", &OF_OUR_PAGE).await.ok().unwrap();
    ada.send(r#"{"type":"subscribe","topics":["private","public"]}"#).await;
    for _ in 0..2 {
        ada.of("subscribed").await;
    }
    rig.advance(31).await;
    ada.send(r#"{"type":"ping"}"#).await;
    ada.of("pong").await;
    trusted.store(false, SeqCst);
    rig.advance(30).await;
    let error = ada.of("error").await;
    assert_eq!((&error["code"], &error["topic"]), (&json!(403), &json!("private")));
    for topic in ["private", "public"] {
        let (user, session) = (UserId::new(format!("bob-{topic}")), SessionId::new("tab"));
        let topics = Topics::new([Topic::new(topic).unwrap()]).unwrap();
        rig.presence.beat(Beat::enter(user.unwrap(), session.unwrap()).topics(topics)).await.unwrap();
    }
    rig.advance(1).await;
    let received = ada.of("presence_diff").await.to_string();
    assert!(received.contains("bob-public") && !received.contains("bob-private"), "{received}");
}

#[tokio::test]
async fn a_socket_ends_with_the_hosts_login_session() {
    let (logged_in, trusted) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let rig = rig_of_cookies(&logged_in, &trusted).await;
    let mut ada = connect_with(rig.address, "/v1/ws", &OF_OUR_PAGE).await.ok().unwrap();
    ada.of("hello").await;
    rig.advance(31).await;
    ada.send(r#"{"type":"ping"}"#).await;
    ada.of("pong").await;
    logged_in.store(false, SeqCst);
    rig.advance(30).await;
    assert_eq!(ada.closed().await, 4401);
}

#[tokio::test]
async fn no_token_reaches_the_log() {
    let (log, _guard) = Log::everything();
    let rig = rig().await;
    let (first, second) = (token("ada", 60), token("ada", 61));
    let mut client = connect_with(rig.address, &format!("/v1/ws?token={first}"), &[]).await.ok().unwrap();
    client.send(&json!({ "type": "auth", "token": second, "ref": 1 }).to_string()).await;
    client.of("ok").await;
    client.send(&json!({ "type": "auth", "token": "forged.by.mallory", "ref": 1 }).to_string()).await;
    client.of("error").await;
    let text = log.text();
    assert!(text.contains("a token was refused"), "{text}");
    for token in [&first, &second, "forged.by.mallory"] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!text.contains(signature), "{text}");
    }
}
