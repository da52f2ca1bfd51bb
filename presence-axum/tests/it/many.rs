//! Many scopes in one stream.

use crate::client::{Events, events_of};
use crate::rig::Rig;
use serde_json::{Value, json};

/// An event's name and data.
async fn next_event(stream: &mut Events) -> (String, Value) {
    let event = stream.event().await;
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(ToOwned::to_owned);
    let data = field("data: ").unwrap_or_else(|| panic!("no data in {event}"));
    (field("event: ").unwrap(), serde_json::from_str(&data).unwrap())
}

/// A stream that has sent `hello` and the state of its view.
async fn opened(rig: &Rig, method: &str, path: &str, body: Value) -> Events {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = events_of(rig.address, method, path, &[], body).await;
    assert_eq!(stream.status, 200);
    let (name, hello) = next_event(&mut stream).await;
    assert_eq!(name, "hello");
    assert_eq!(hello, json!({"ping_every": 15_000, "active_for": 300_000, "lease_for": 60_000}));
    assert_eq!(next_event(&mut stream).await, ("presence_view".to_owned(), json!({"view": "fresh"})));
    stream
}

/// The next `n` events by their scopes: the order of scopes is unspecified.
async fn by_scope(stream: &mut Events, n: usize) -> Value {
    let mut found = serde_json::Map::new();
    for _ in 0..n {
        let (name, data) = next_event(stream).await;
        found.insert(format!("{name} {}", data["scope"].as_str().unwrap()), data);
    }
    Value::Object(found)
}

#[tokio::test]
async fn each_topic_sends_its_state_and_then_its_changes() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["x"]}"#).await;
    let mut stream = opened(&rig, "GET", "/v1/sse?topic=x&topic=y&counts=y", Value::Null).await;
    let first = by_scope(&mut stream, 3).await;
    assert_eq!(first["presence_state topic:x"]["users"]["a"]["liveness"], "active");
    assert_eq!(first["presence_state topic:y"]["users"], json!({}));
    assert_eq!(
        first["presence_counts topic:y"],
        json!({"scope": "topic:y", "online": 0, "active": 0, "idle": 0})
    );

    rig.hits(r#"{"user":"a","topics":["y"]}"#).await;
    let next = by_scope(&mut stream, 2).await;
    assert_eq!(next["presence_diff topic:x"]["left"], json!({"a": {"reason": "left"}}));
    let joined = &next["presence_diff topic:y"];
    assert_eq!(joined["joined"]["a"]["liveness"], "active");
    assert_eq!(joined["from"], first["presence_state topic:y"]["version"]);
    rig.advance(1).await;
    let (name, counts) = next_event(&mut stream).await;
    assert_eq!((name.as_str(), &counts["online"]), ("presence_counts", &json!(1)));
}

#[tokio::test]
async fn a_reader_that_resumes_gets_what_it_missed_of_each_scope() {
    let rig = Rig::new().await;
    let body = json!({"topics": {"x": null, "y": null}, "everyone": true});
    let mut stream = opened(&rig, "POST", "/v1/sse", body).await;
    let first = by_scope(&mut stream, 3).await;
    drop(stream);

    rig.hits(r#"{"user":"a","kind":"enter","topics":["x"]}"#).await;
    let version = |scope: &str| first[&format!("presence_state {scope}")]["version"].clone();
    let body = json!({"topics": {"x": version("topic:x"), "z": "nonsense"}, "everyone": version("everyone")});
    let mut stream = opened(&rig, "POST", "/v1/sse", body).await;
    let next = by_scope(&mut stream, 3).await;
    assert_eq!(next["presence_diff topic:x"]["from"], version("topic:x"));
    assert_eq!(next["presence_diff everyone"]["from"], version("everyone"));
    assert_eq!(next["presence_state topic:z"]["users"], json!({}));
}

#[tokio::test]
async fn a_set_of_users_reports_these_users_only_in_whatever_topic() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["x"]}"#).await;
    rig.hits(r#"{"user":"b","kind":"enter"}"#).await;
    for (method, path, body) in [
        ("GET", "/v1/sse?user=a&user=c", Value::Null),
        ("POST", "/v1/sse", json!({"users": ["c", "a"], "users_after": "0"})),
    ] {
        let mut stream = opened(&rig, method, path, body).await;
        let (name, state) = next_event(&mut stream).await;
        assert_eq!((name.as_str(), &state["scope"]), ("presence_state", &json!("users")));
        let users: Vec<_> = state["users"].as_object().unwrap().keys().collect();
        assert_eq!(users, ["a"]);
        rig.hits(r#"{"user":"b","status":"busy"}"#).await;
        rig.hits(r#"{"user":"c","kind":"enter"}"#).await;
        assert_eq!(next_event(&mut stream).await.1["joined"]["c"]["liveness"], "active");
        rig.hits(r#"{"user":"c","kind":"leave","now":true}"#).await;
        assert_eq!(next_event(&mut stream).await.1["left"]["c"]["reason"], "left");
    }
}

#[tokio::test]
async fn counts_contain_no_names_and_many_joins_make_one_event() {
    let rig = Rig::new().await;
    let mut stream = opened(&rig, "GET", "/v1/sse?counts=", Value::Null).await;
    assert_eq!(
        next_event(&mut stream).await.1,
        json!({"scope": "everyone", "online": 0, "active": 0, "idle": 0})
    );
    for i in 0..20 {
        rig.hits(&json!({"user": format!("u{i}"), "kind": "enter"}).to_string()).await;
    }
    rig.advance(1).await;
    assert_eq!(next_event(&mut stream).await.1["online"], 20);
}

#[tokio::test]
async fn an_idle_stream_gets_ping_events() {
    let rig = Rig::new().await;
    let mut stream = opened(&rig, "GET", "/v1/sse?counts=", Value::Null).await;
    next_event(&mut stream).await;
    for _ in 0..3 {
        rig.advance(15).await;
        assert_eq!(next_event(&mut stream).await, ("ping".to_owned(), json!({})));
    }
}

#[tokio::test]
async fn an_error_names_what_is_wrong() {
    let rig = Rig::new().await;
    for (body, error) in [
        ("", "not json"),
        ("[]", "not an object"),
        ("{}", "nothing to watch"),
        (r#"{"topics":{"":null}}"#, "invalid topics"),
    ] {
        let reply = crate::client::send(rig.address, "POST", "/v1/sse", &[], body).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some(error)), "{body}");
    }
    assert_eq!(rig.get("/v1/sse?topic=").await.status, 400);
}

#[tokio::test]
async fn a_scope_with_too_many_users_is_shown_as_counts_and_the_others_with_names() {
    let limits = presence_axum::Limits::default().frame(4_000);
    let rig = Rig::with(|mount| mount.limits(limits)).await;
    for n in 0..60 {
        rig.hits(&format!(r#"{{"user":"{n:0>40}","kind":"enter","topics":["x"]}}"#)).await;
    }
    rig.hits(r#"{"user":"a","kind":"enter","topics":["y"]}"#).await;
    let mut stream = opened(&rig, "GET", "/v1/sse?topic=x&topic=y", Value::Null).await;
    let first = by_scope(&mut stream, 2).await;
    let counts = json!({"scope": "topic:x", "online": 60, "active": 60, "idle": 0, "large": true});
    assert_eq!(first["presence_counts topic:x"], counts);
    assert_eq!(first["presence_state topic:y"]["users"]["a"]["liveness"], "active");
}

#[tokio::test]
async fn the_topics_of_all_streams_of_a_client_are_counted_until_they_end() {
    let limits = presence_axum::Limits::default().topics_per_client(5);
    let rig = Rig::with(|mount| mount.limits(limits)).await;
    let held = rig.events("/v1/sse?topic=a&topic=b&counts=c").await;
    let refused = rig.get("/v1/sse?topic=d&topic=e&counts=f").await;
    assert_eq!(refused.status_and_text(), (429, r#"{"ok":false,"error":"too many topics"}"#));
    // Sixteen users count as one topic.
    let users = (0..33).map(|n| format!("user={n}")).collect::<Vec<_>>().join("&");
    assert_eq!(rig.get(&format!("/v1/sse?{users}")).await.status, 429);
    assert_eq!(rig.events("/v1/sse?topic=d&topic=e").await.status, 200);
    drop(held);
    let mut refused = 0;
    while rig.events("/v1/sse?topic=d&topic=e&counts=f").await.status != 200 {
        refused += 1; // the server has yet to see the closed connections
        assert!(refused < 10_000);
    }
}
