//! `GET /sse/online`, and how long one is on it.

use super::{ORIGIN, hit, online, rig};
use crate::rig::{Rig, START};
use active_idle::{app, policy};
use serde_json::{Value, json};

#[tokio::test]
async fn a_time_in_the_future_counts_as_now() {
    let rig = rig().await;
    hit(&rig, "a", START + 1_000_000).await;
    for _ in 0..9 {
        rig.advance(30).await;
        hit(&rig, "a", START).await;
        assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
    }
    rig.advance(30).await;
    assert_eq!(online(&rig).await["idle_uids"], json!(["a"]));
}

#[tokio::test]
async fn an_older_last_activity_never_moves_the_user_back() {
    let rig = rig().await;
    hit(&rig, "a", START).await;
    rig.advance(30).await;
    hit(&rig, "a", START - 100_000).await;
    assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
    hit(&rig, "a", 0).await;
    assert_eq!(online(&rig).await["active_uids"], json!(["a"]));
}

#[tokio::test]
async fn the_stream_lists_active_and_idle_users_in_the_specified_order_of_keys() {
    let rig = rig().await;
    for (uid, ago) in [("eve", 400), ("bob", 0), ("alice", 10), ("dave", 300), ("carol", 299)] {
        hit(&rig, uid, START - ago).await;
    }
    let mut stream = rig.events("/sse/online").await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000000,"online_total":5,"active_total":3,"idle_total":2,"active_uids":["alice","bob","carol"],"idle_uids":["dave","eve"]}"#
    );
    rig.advance(2).await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000002,"online_total":5,"active_total":2,"idle_total":3,"active_uids":["alice","bob"],"idle_uids":["carol","dave","eve"]}"#
    );
    for name in ["cache-control", "x-accel-buffering", "content-type"] {
        assert!(stream.headers.contains_key(name), "{name}");
    }
    assert_eq!(stream.headers["content-type"], "text/event-stream");
}

#[tokio::test]
async fn the_first_event_comes_at_once_also_without_users() {
    let rig = rig().await;
    assert_eq!(
        rig.events("/sse/online").await.event().await,
        r#"data: {"ts":1710000000,"online_total":0,"active_total":0,"idle_total":0,"active_uids":[],"idle_uids":[]}"#
    );
}

#[tokio::test]
async fn uids_are_sorted_by_code_point_and_written_as_they_are() {
    let rig = rig().await;
    for uid in ["b", "é", "Z", "\u{1F600}", "a", "\u{FB01}", "1", "\"quoted\"", "back\\slash"] {
        hit(&rig, uid, START).await;
    }
    assert_eq!(
        online(&rig).await["active_uids"],
        json!(["\"quoted\"", "1", "Z", "a", "b", "back\\slash", "é", "\u{FB01}", "\u{1F600}"])
    );
}

#[tokio::test]
async fn every_viewer_gets_the_same_bytes() {
    let rig = rig().await;
    let mut viewers = [rig.events("/sse/online").await, rig.events("/sse/online").await];
    for viewer in &mut viewers {
        viewer.event().await;
    }
    for second in 1..4 {
        hit(&rig, &format!("user {second}"), START).await;
        rig.advance(2).await;
        let [one, other] = &mut viewers;
        assert_eq!(one.event().await, other.event().await);
    }
}

#[tokio::test]
async fn a_beat_counts_for_sixty_seconds() {
    let rig = rig().await;
    hit(&rig, "a", START).await;
    rig.advance(59).await;
    assert_eq!(online(&rig).await["online_total"], 1);
    rig.advance(1).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn lapsed_users_are_removed_from_memory_without_readers() {
    let rig = rig().await;
    for n in 0..500 {
        hit(&rig, &format!("user {n}"), START).await;
    }
    assert_eq!(rig.presence.health().sessions, 500);
    rig.advance(300).await;
    assert_eq!(rig.presence.health().sessions, 0);
}

#[tokio::test]
async fn an_event_that_would_be_too_large_has_the_totals_and_shorter_lists() {
    let rig = Rig::serving(policy(), |presence| app(presence, ORIGIN.parse().unwrap(), 2_256)).await;
    for n in 0..60 {
        // Quotes take another byte each in JSON.
        hit(&rig, &format!("\"{n:0>38}\""), if n < 40 { START } else { START - 1_000 }).await;
    }
    let event = rig.events("/sse/online").await.event().await;
    assert!(event.len() <= 2_256, "{}", event.len());
    let head = r#"data: {"ts":1710000000,"online_total":60,"active_total":40,"idle_total":20,"truncated":true,"active_uids":["#;
    assert!(event.starts_with(head), "{event}");
    let data: Value = serde_json::from_str(&event["data: ".len()..]).unwrap();
    assert_eq!(data["active_uids"].as_array().unwrap().len(), 40);
    assert_eq!(data["idle_uids"].as_array().unwrap().len(), 4);
}
