//! The diff stream.

use crate::client::{Events, events};
use crate::rig::Rig;
use presence_axum::Limits;
use serde_json::{Value, json};

/// An event's name, id and data.
async fn next_event(stream: &mut Events) -> (String, String, Value) {
    let event = stream.event().await;
    let field = |name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {event}")).to_owned()
    };
    (field("event: "), field("id: "), serde_json::from_str(&field("data: ")).unwrap())
}

/// A stream that has sent its state: with its version and users.
async fn opened(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> (Events, String, Value) {
    let mut stream = events(rig.address, path, headers).await;
    assert_eq!(stream.event().await, "retry: 2000");
    let (name, id, data) = next_event(&mut stream).await;
    assert_eq!(
        (name.as_str(), &data["version"], &data["view"]),
        ("presence_state", &json!(id), &json!("fresh"))
    );
    (stream, id, data["users"].clone())
}

#[tokio::test]
async fn a_state_is_followed_by_changes() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","meta":{"name":"Ann"}}"#).await;
    let (mut stream, state, users) = opened(&rig, "/v1/sse/diff", &[]).await;
    let ann = json!({"liveness": "active", "status": "online", "message": null, "meta": {"name": "Ann"}});
    assert_eq!(users, json!({"a": ann}));

    rig.hits(r#"{"user":"b","kind":"enter","status":"busy","message":"hi"}"#).await;
    let (name, joined, data) = next_event(&mut stream).await;
    assert_eq!(name, "presence_diff");
    let bea = json!({"liveness": "active", "status": "busy", "message": "hi", "meta": null});
    assert_eq!(
        data,
        json!({"from": state, "version": joined, "joined": {"b": bea}, "changed": {}, "left": {}})
    );

    rig.hits(r#"{"user":"a","status":"away"}"#).await;
    let (_, changed, data) = next_event(&mut stream).await;
    assert_eq!((&data["from"], &data["changed"]["a"]["status"]), (&json!(joined), &json!("away")));

    rig.hits(r#"{"user":"b","kind":"leave","now":true}"#).await;
    let (_, left, data) = next_event(&mut stream).await;
    assert_eq!((&data["from"], &data["left"]), (&json!(changed), &json!({"b": {"reason": "left"}})));

    rig.advance(60).await;
    let data = loop {
        let event = stream.event().await;
        if event != ": ping" {
            break serde_json::from_str::<Value>(event.split_once("data: ").unwrap().1).unwrap();
        }
    };
    assert_eq!((&data["from"], &data["left"]), (&json!(left), &json!({"a": {"reason": "lapsed"}})));
}

#[tokio::test]
async fn a_topic_reports_its_joins_and_leaves() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["/x"]}"#).await;
    let (mut stream, _, users) = opened(&rig, "/v1/sse/diff?topic=/y", &[]).await;
    assert_eq!(users, json!({}));
    rig.hits(r#"{"user":"a","topics":["/y"]}"#).await;
    assert_eq!(next_event(&mut stream).await.2["joined"]["a"]["liveness"], "active");
    rig.hits(r#"{"user":"a","topics":["/x"]}"#).await;
    assert_eq!(next_event(&mut stream).await.2["left"], json!({"a": {"reason": "left"}}));
}

#[tokio::test]
async fn a_reader_that_resumes_gets_what_it_missed() {
    let rig = Rig::new().await;
    let (stream, state, _) = opened(&rig, "/v1/sse/diff", &[]).await;
    drop(stream);
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    let by_query = format!("/v1/sse/diff?last_event_id={state}");
    let header = [("last-event-id", state.as_str())];
    for (path, headers) in [("/v1/sse/diff", &header[..]), (by_query.as_str(), &[])] {
        let mut stream = events(rig.address, path, headers).await;
        assert_eq!(stream.event().await, "retry: 2000");
        let (name, _, data) = next_event(&mut stream).await;
        assert_eq!((name.as_str(), &data["from"]), ("presence_diff", &json!(state)));
        assert_eq!(data["joined"]["a"]["liveness"], "active");
    }
}

#[tokio::test]
async fn an_unknown_version_gets_a_state() {
    let rig = Rig::new().await;
    for id in ["00000000deadbeef-7", "nonsense", "", "-", "ffffffffffffffff-99999999999999999999"] {
        opened(&rig, "/v1/sse/diff", &[("last-event-id", id)]).await;
    }
}

#[tokio::test]
async fn readers_of_a_scope_get_the_same_bytes() {
    let rig = Rig::new().await;
    let (mut one, ..) = opened(&rig, "/v1/sse/diff", &[]).await;
    let (mut other, ..) = opened(&rig, "/v1/sse/diff", &[]).await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    assert_eq!(one.event().await, other.event().await);
}

#[tokio::test]
async fn an_idle_stream_gets_pings() {
    let rig = Rig::new().await;
    let (mut stream, ..) = opened(&rig, "/v1/sse/diff", &[]).await;
    for _ in 0..3 {
        rig.advance(15).await;
        assert_eq!(stream.event().await, ": ping");
    }
}

#[tokio::test]
async fn the_stream_ends_when_presence_shuts_down() {
    let rig = Rig::new().await;
    let (mut stream, ..) = opened(&rig, "/v1/sse/diff", &[]).await;
    rig.presence.shutdown().await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_state_that_would_be_too_large_is_replaced_by_counts_until_it_is_smaller() {
    let rig = Rig::with(|mount| mount.limits(Limits::default().frame(4_000))).await;
    for n in 0..60 {
        rig.hits(&format!(r#"{{"user":"{n:0>40}","kind":"enter"}}"#)).await;
    }
    let mut stream = events(rig.address, "/v1/sse/diff", &[]).await;
    assert_eq!(stream.event().await, "retry: 2000");
    let counts = |n: u32| {
        let counts = format!(r#"{{"online":{n},"active":{n},"idle":0,"large":true}}"#);
        format!("event: presence_counts\ndata: {counts}")
    };
    assert_eq!(stream.event().await, counts(60));
    // It continues in counts while the number is only slightly lower, and then with lists.
    rig.hits(&format!(r#"{{"user":"{:0>40}","kind":"leave","now":true}}"#, 0)).await;
    rig.advance(1).await;
    assert_eq!(stream.event().await, counts(59));
    for n in 1..40 {
        rig.hits(&format!(r#"{{"user":"{n:0>40}","kind":"leave","now":true}}"#)).await;
    }
    let state = loop {
        rig.advance(1).await;
        let event = stream.event().await;
        if !event.starts_with("event: presence_counts\n") {
            break event;
        }
        let counts: Value = serde_json::from_str(event.split_once("data: ").unwrap().1).unwrap();
        assert!(counts["online"].as_u64().unwrap() > 45, "{event}");
    };
    assert!(state.starts_with("event: presence_state\n"), "{state}");
    let state: Value = serde_json::from_str(state.split_once("data: ").unwrap().1).unwrap();
    assert_eq!(state["users"].as_object().unwrap().len(), 20);
    rig.hits(r#"{"user":"last","kind":"enter"}"#).await;
    assert_eq!(next_event(&mut stream).await.2["joined"]["last"]["liveness"], "active");
}

#[tokio::test]
async fn changes_that_do_not_fit_into_an_event_are_replaced_by_a_state() {
    let rig = Rig::with(|mount| mount.limits(Limits::default().frame(4_000))).await;
    let hit = async |n: u32, kind: &str| {
        rig.hits(&format!(r#"{{"user":"{n:0>40}","kind":"{kind}","now":true}}"#)).await;
    };
    let (stream, seen, _) = opened(&rig, "/v1/sse/diff", &[]).await;
    drop(stream);
    for n in 0..60 {
        hit(n, "enter").await;
    }
    for n in 0..50 {
        hit(n, "leave").await;
    }
    for n in 60..80 {
        hit(n, "enter").await;
    }
    let (_, version, users) = {
        let mut stream = events(rig.address, &format!("/v1/sse/diff?last_event_id={seen}"), &[]).await;
        assert_eq!(stream.event().await, "retry: 2000");
        next_event(&mut stream).await
    };
    assert_ne!(version, seen);
    let members = users.get("users").or(users.get("joined")).and_then(Value::as_object).unwrap();
    assert_eq!(members.len(), 30);
}
