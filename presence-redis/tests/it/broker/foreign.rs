//! Messages from and to services that do not use this crate, on the same server.

use super::{channel, describe, message, on, options, text};
use crate::rig::{self, REDIS};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use presence_core::broker::{Broker, Delivery, Publish, Start};
use presence_redis::{Foreign, RedisBroker};
use std::time::Duration;

/// A broker that exchanges messages between the pub/sub channel `<name>:<id>:updates` and its own
/// channel `job:<id>`. The `id` in a message is its idempotency key.
fn jobs(name: &str) -> RedisBroker {
    let prefix = format!("{name}:{{}}:updates");
    let foreign = Foreign::new(&prefix, |id, payload| {
        assert_ne!(payload, b"panic", "a host's code that panics");
        let update: serde_json::Value = serde_json::from_slice(payload).ok()?;
        let message = Publish::new(channel(&format!("job:{id}")), payload.to_vec());
        let message = if update["status"] == "completed" { message.last() } else { message };
        Some(match update["id"].as_str() {
            Some(key) => message.key(key),
            None => message,
        })
    });
    let foreign =
        foreign.unwrap().published_as(|channel| channel.as_str().strip_prefix("job:").map(str::to_owned));
    on(&REDIS, options(name).foreign(foreign))
}

fn publish(name: &str, id: &str, payload: &str) -> String {
    REDIS.command(&["PUBLISH", &format!("{name}:{id}:updates"), payload])
}

/// Publishes until all of these brokers are subscribed to the foreign channels.
async fn wait_until_subscribed(name: &str, brokers: &[&RedisBroker]) {
    let receivers = brokers.len().to_string();
    while publish(name, "warm", r#"{"id":"warm"}"#) != receivers {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn next(stream: &mut BoxStream<'static, Delivery>) -> String {
    let next = tokio::time::timeout(Duration::from_mins(1), stream.next()).await;
    describe(next.expect("a delivery comes in time").unwrap())
}

#[tokio::test]
async fn a_foreign_message_is_stored_once_when_several_processes_receive_it() {
    let name = rig::unique();
    let (one, two, three) = (jobs(&name), jobs(&name), jobs(&name));
    wait_until_subscribed(&name, &[&one, &two, &three]).await;
    let mut stream = two.subscribe(&channel("job:7"), Start::Last(usize::MAX));
    let payload = |n: usize| format!(r#"{{"progress":{n}}}"#);
    for n in 0..50 {
        publish(&name, "7", &payload(n));
    }
    // A message with the same content within the window is the same event. Messages with different
    // keys are different events.
    publish(&name, "7", &payload(0));
    publish(&name, "7", r#"{"id":"a","text":"hi"}"#);
    publish(&name, "7", r#"{"id":"b","text":"hi"}"#);
    publish(&name, "7", r#"{"id":"a","text":"hi"}"#);
    one.publish(message("job:7", r#"{"own":1}"#).key("own")).await.unwrap();
    let mut received = Vec::new();
    for _ in 0..53 {
        received.push(next(&mut stream).await);
    }
    let own = received.iter().position(|text| text == r#"{"own":1}"#).expect("own events come too");
    received.remove(own);
    let expected = (0..50).map(payload).chain(["a", "b"].map(|id| format!(r#"{{"id":"{id}","text":"hi"}}"#)));
    assert_eq!(received, expected.collect::<Vec<_>>());
    let barrier = one.publish(message("job:7", "end")).await.unwrap();
    assert_eq!(next(&mut stream).await, "end");
    let history = one.history(&channel("job:7"), usize::MAX).await.unwrap();
    assert_eq!((history.len(), history.last().map(|event| event.id)), (54, Some(barrier.id())));
}

#[tokio::test]
async fn a_foreign_channel_name_may_have_any_characters_and_maps_to_one_channel_only() {
    let name = rig::unique();
    let broker = jobs(&name);
    wait_until_subscribed(&name, &[&broker]).await;
    let ids = ["a:b", "a*", "*", "a b", "\u{1F680}", "a", "a:updates", ":", "[x]", "a?", "{}", "\\"];
    let mut streams: Vec<_> =
        ids.iter().map(|id| broker.subscribe(&channel(&format!("job:{id}")), Start::Last(9))).collect();
    for (n, id) in ids.iter().enumerate() {
        publish(&name, id, &n.to_string());
        publish(&name, id, &format!("{}", n + 100));
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        assert_eq!(
            [next(stream).await, next(stream).await],
            [n.to_string(), (n + 100).to_string()],
            "{}",
            ids[n]
        );
    }
}

#[tokio::test]
async fn own_events_reach_foreign_services_and_are_not_stored_as_foreign_messages() {
    let name = rig::unique();
    let (one, two) = (jobs(&name), jobs(&name));
    wait_until_subscribed(&name, &[&one, &two]).await;
    let listener = redis_listener(&format!("{name}:7:updates")).await;
    one.publish(message("job:7", r#"{"own":1}"#)).await.unwrap();
    publish(&name, "7", r#"{"foreign":1}"#);
    let (first, second) = tokio::time::timeout(Duration::from_mins(1), listener).await.unwrap();
    assert_ne!(first, r#"{"own":1}"#, "it carries a mark");
    let parsed: serde_json::Value = serde_json::from_str(&first).expect("parsers of JSON skip the mark");
    assert_eq!(parsed["own"], 1);
    assert_eq!(second, r#"{"foreign":1}"#);
    let mut stream = two.subscribe(&channel("job:7"), Start::Last(9));
    assert_eq!([next(&mut stream).await, next(&mut stream).await], [r#"{"own":1}"#, r#"{"foreign":1}"#]);
    two.publish(message("job:7", "end")).await.unwrap();
    assert_eq!(next(&mut stream).await, "end");
}

/// Subscribes to a plain pub/sub channel. The returned future resolves to the first two messages.
async fn redis_listener(name: &str) -> impl Future<Output = (String, String)> + use<> {
    let client = redis::Client::open(REDIS.url()).unwrap();
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.subscribe(name).await.unwrap();
    async move {
        let mut messages = listener.into_on_message().map(|message| message.get_payload::<String>().unwrap());
        (messages.next().await.unwrap(), messages.next().await.unwrap())
    }
}

#[tokio::test]
async fn invalid_foreign_messages_and_those_to_a_closed_channel_are_ignored() {
    let name = rig::unique();
    let broker = jobs(&name);
    wait_until_subscribed(&name, &[&broker]).await;
    let mut stream = broker.subscribe(&channel("job:7"), Start::Last(9));
    publish(&name, "7", "no JSON");
    publish(&name, "7", "panic");
    publish(&name, "7", &format!("\"{}\"", "x".repeat(presence_core::broker::MAX_PAYLOAD)));
    publish(&name, "7", r#"{"status":"running"}"#);
    publish(&name, "7", r#"{"status":"completed"}"#);
    publish(&name, "7", r#"{"status":"late"}"#);
    publish(&name, "8", r#"{"status":"running"}"#);
    let mut other = broker.subscribe(&channel("job:8"), Start::Last(9));
    // Messages are stored in order: when the last one is stored, all others were handled.
    assert_eq!(next(&mut other).await, r#"{"status":"running"}"#);
    assert_eq!(
        [next(&mut stream).await, next(&mut stream).await],
        [r#"{"status":"running"}"#, r#"{"status":"completed"}"#]
    );
    let history = broker.history(&channel("job:7"), 9).await.unwrap();
    assert_eq!(
        history.iter().map(text).collect::<Vec<_>>(),
        [r#"{"status":"running"}"#, r#"{"status":"completed"}"#]
    );
}

#[test]
fn a_template_is_refused_unless_it_has_exactly_one_placeholder() {
    for template in ["", "job", "{}", "job:{}:{}"] {
        assert!(Foreign::new(template, |_, _| None).is_err(), "{template}");
    }
}
