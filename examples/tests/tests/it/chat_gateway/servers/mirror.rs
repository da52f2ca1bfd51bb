//! The keys and channels in Redis that other services use.

use super::{Process, connect, enter, meanwhile, pair, redis};
use crate::client::soon;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use test_servers::redis::Redis;
use tokio::sync::mpsc;

async fn ask(redis: &Arc<Redis>, command: &[&str]) -> String {
    let redis = Arc::clone(redis);
    let command: Vec<String> = command.iter().map(ToString::to_string).collect();
    meanwhile(move || redis.command(&command.iter().map(String::as_str).collect::<Vec<_>>())).await
}

/// Asks until the answer is good.
async fn until(redis: &Arc<Redis>, command: &[&str], good: impl Fn(&str) -> bool) -> String {
    soon(async {
        loop {
            let answer = ask(redis, command).await;
            if good(answer.trim()) {
                return answer.trim().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

/// The messages published on a channel from now on.
async fn subscriber(redis: &Redis, channel: &'static str) -> mpsc::UnboundedReceiver<String> {
    let port = redis.port();
    let (sender, receiver) = mpsc::unbounded_channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(format!("SUBSCRIBE {channel}\r\n").as_bytes()).unwrap();
        let mut ready = Some(ready);
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.starts_with(':') {
                ready.take().map(|ready| ready.send(()));
            }
            if line.starts_with('{') && !line.contains("probe-") && sender.send(line).is_err() {
                return;
            }
        }
    });
    soon(is_ready).await.unwrap();
    receiver
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_key_has_their_status_and_is_removed_when_they_leave() {
    let redis = redis().await;
    let url = redis.url();
    let (one, two) = pair(&["--redis-url", &url]).await;
    let mut updates = subscriber(&redis, "presence:updates").await;
    let mut alice = enter(&one, "alice").await;
    let tab = connect(&two, "alice").await;
    let shown = json_of(&until(&redis, &["GET", "presence:alice"], |value| value.starts_with('{')).await);
    assert_eq!(
        (&shown["user_id"], &shown["username"], &shown["status"]),
        (&json!("alice"), &json!("ALICE"), &json!("online"))
    );
    assert!(shown["connection_id"].as_str().is_some_and(|id| !id.is_empty()), "{shown}");
    assert!(shown["last_seen"].as_str().is_some_and(|at| at.ends_with('Z')), "{shown}");
    let left: i64 = until(&redis, &["TTL", "presence:alice"], |_| true).await.parse().unwrap();
    assert!((200..=300).contains(&left), "{left}");
    alice.send_json(json!({"type": "status", "status": "busy"})).await;
    until(&redis, &["GET", "presence:alice"], |value| value.contains(r#""status":"busy""#)).await;
    alice.send_json(json!({"type": "status", "status": "offline"})).await;
    until(&redis, &["EXISTS", "presence:alice"], |answer| answer == "0").await;
    alice.send_json(json!({"type": "status", "status": "online"})).await;
    until(&redis, &["EXISTS", "presence:alice"], |answer| answer == "1").await;
    drop((alice, tab));
    until(&redis, &["EXISTS", "presence:alice"], |answer| answer == "0").await;
    // One frame for each change, whichever instance noticed.
    for status in ["online", "busy", "offline", "online", "offline"] {
        let frame = json_of(&soon(updates.recv()).await.unwrap());
        assert_eq!(
            (&frame["type"], &frame["user_id"], &frame["username"]),
            (&json!("presence"), &json!("alice"), &json!("ALICE"))
        );
        assert_eq!(frame["status"], status);
        assert!(frame["timestamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20), "{frame}");
    }
    let _bob = connect(&two, "bob").await;
    assert_eq!(json_of(&soon(updates.recv()).await.unwrap())["user_id"], "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_the_first_instance_did_not_publish_is_published_by_the_second() {
    let redis = redis().await;
    let url = redis.url();
    let (one, two) = pair(&["--redis-url", &url]).await;
    let _alice = connect(&one, "alice").await;
    until(&redis, &["EXISTS", "presence:alice"], |answer| answer == "1").await;
    let _bob = connect(&two, "bob").await;
    until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "1").await;
    // As if the first had been about to write when a tab at the second took the key over.
    ask(&redis, &["DEL", "presence:alice"]).await;
    let mut updates = subscriber(&redis, "presence:updates").await;
    let _tab = connect(&two, "alice").await;
    let frame = json_of(&soon(updates.recv()).await.unwrap());
    assert_eq!((&frame["user_id"], &frame["status"]), (&json!("alice"), &json!("online")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_older_than_the_key_changes_nothing() {
    let redis = redis().await;
    let url = redis.url();
    let process = Process::start(&["--redis-url", &url]).await;
    let mut updates = subscriber(&redis, "presence:updates").await;
    let (key, versions) = ("presence:alice", "presence:{chat-gateway:written}:alice");
    let newer = i64::MAX / 1_000_000;
    // As if another instance had written a session that this one does not know.
    ask(&redis, &["SET", versions, &format!(r#"{{"placed other":{newer}}}"#)]).await;
    let mut alice = connect(&process, "alice").await;
    let bob = connect(&process, "bob").await;
    until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "1").await;
    assert_eq!(json_of(&soon(updates.recv()).await.unwrap())["user_id"], "bob");
    assert_eq!(ask(&redis, &["EXISTS", key]).await.trim(), "0");
    ask(&redis, &["DEL", versions]).await;
    alice.send_json(json!({"type": "status", "status": "busy"})).await;
    assert_eq!(json_of(&soon(updates.recv()).await.unwrap())["status"], "busy");
    // As if it had written of a newer state of each session.
    let known = json_of(&ask(&redis, &["GET", versions]).await);
    let newest = known.as_object().unwrap().keys().map(|name| (name.clone(), json!(newer))).collect();
    assert!(known.as_object().unwrap().len() >= 2, "{known}");
    ask(&redis, &["SET", versions, &Value::Object(newest).to_string()]).await;
    drop((alice, bob));
    until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "0").await;
    assert_eq!(json_of(&soon(updates.recv()).await.unwrap())["user_id"], "bob");
    assert_eq!(ask(&redis, &["EXISTS", key]).await.trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_killed_instances_user_is_removed_unless_they_are_connected_elsewhere() {
    let redis = redis().await;
    let url = redis.url();
    let (mut one, two) = pair(&["--redis-url", &url]).await;
    let _tab = connect(&two, "alice").await;
    let (_alice, _bob) = (connect(&one, "alice").await, connect(&one, "bob").await);
    for user in ["presence:alice", "presence:bob"] {
        until(&redis, &["EXISTS", user], |answer| answer == "1").await;
    }
    let mut updates = subscriber(&redis, "presence:updates").await;
    one.kill();
    until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "0").await;
    let frame = json_of(&soon(updates.recv()).await.unwrap());
    assert_eq!((&frame["user_id"], &frame["status"]), (&json!("bob"), &json!("offline")));
    assert_eq!(ask(&redis, &["EXISTS", "presence:alice"]).await.trim(), "1");
    let _carol = connect(&two, "carol").await;
    assert_eq!(json_of(&soon(updates.recv()).await.unwrap())["user_id"], "carol", "nothing of alice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_id_that_equals_a_key_of_the_store_overwrites_nothing() {
    let redis = redis().await;
    let url = redis.url();
    let process = Process::start(&["--redis-url", &url]).await;
    let _alice = connect(&process, "alice").await;
    until(&redis, &["EXISTS", "presence:alice"], |answer| answer == "1").await;
    let keys = ask(&redis, &["KEYS", "presence:*{*"]).await;
    let keys: Vec<_> = keys.split_whitespace().filter(|key| key.starts_with("presence:")).collect();
    assert!(!keys.is_empty());
    let mut clients = Vec::new();
    for key in &keys {
        let before = ask(&redis, &["TYPE", key]).await;
        clients.push(connect(&process, key.strip_prefix("presence:").unwrap()).await);
        let last = connect(&process, "bob").await;
        until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "1").await;
        let after = ask(&redis, &["TYPE", key]).await;
        // Touches that are not announced yet are in a key that comes and goes.
        let comes_and_goes = key.ends_with(":touched") && ["none", "string"].contains(&after.trim());
        assert!(after == before || comes_and_goes, "{key}: {after}");
        drop(last);
        until(&redis, &["EXISTS", "presence:bob"], |answer| answer == "0").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_users_are_in_a_key_for_a_few_seconds() {
    let redis = redis().await;
    let url = redis.url();
    let process = Process::start(&["--redis-url", &url]).await;
    let mut alice = enter(&process, "alice").await;
    let types = json!({"type": "typing", "channel_id": "general"});
    alice.send_json(types.clone()).await;
    until(&redis, &["GET", "typing:general:alice"], |name| name == "ALICE").await;
    let left: i64 = ask(&redis, &["TTL", "typing:general:alice"]).await.trim().parse().unwrap();
    assert!((0..=5).contains(&left), "{left}");
    // The user's message ends it, and so does leaving.
    publish(&redis, r#"{"room_id":"general","data":{"user_id":"alice","content":"hi"}}"#).await;
    until(&redis, &["EXISTS", "typing:general:alice"], |answer| answer == "0").await;
    alice.send_json(types).await;
    until(&redis, &["GET", "typing:general:alice"], |name| name == "ALICE").await;
    alice.send_json(json!({"type": "unsubscribe", "channel_id": "general"})).await;
    until(&redis, &["EXISTS", "typing:general:alice"], |answer| answer == "0").await;
}

async fn publish(redis: &Arc<Redis>, payload: &str) {
    ask(redis, &["PUBLISH", "message:broadcast", payload]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_other_services_reach_the_room_on_every_instance_once() {
    let redis = redis().await;
    let url = redis.url();
    let (one, two) = pair(&["--redis-url", &url]).await;
    let (mut alice, mut bob, mut direct) =
        (enter(&one, "alice").await, enter(&two, "bob").await, connect(&two, "carol").await);
    direct.send_json(json!({"type": "subscribe", "dm_id": "general"})).await;
    direct.of("presence_state").await;
    let data = json!({"message_id": "m", "content": "hi", "user_id": "x", "channel_id": "general"});
    let reaction = json!({"type": "reaction", "message_id": "m", "emoji": "🎈"});
    for nothing in ["nonsense", r#"{"room_id":"random","data":{"content":"elsewhere"}}"#, r#"{"data":{}}"#] {
        publish(&redis, nothing).await;
    }
    // The same twice is two messages.
    for _ in 0..2 {
        publish(&redis, &json!({"room_id": "general", "data": data}).to_string()).await;
    }
    let mut whole = reaction.clone();
    whole["room_id"] = json!("general");
    publish(&redis, &whole.to_string()).await;
    publish(&redis, &json!({"room_id": "general", "data": {"content": "last"}}).to_string()).await;
    for client in [&mut alice, &mut bob, &mut direct] {
        for _ in 0..2 {
            assert_eq!(client.of("message").await, json!({"type": "message", "data": data}));
        }
        assert_eq!(client.of("reaction").await, reaction);
        assert_eq!(client.of("message").await["data"]["content"], "last");
    }
    // Messages of users are published there as well.
    let mut messages = subscriber(&redis, "message:broadcast").await;
    super::say(one.address, "alice", "from here").await;
    let message = json_of(&soon(messages.recv()).await.unwrap());
    assert_eq!((&message["room_id"], &message["data"]["content"]), (&json!("general"), &json!("from here")));
}
