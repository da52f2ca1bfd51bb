//! `GET /sse/online`.

use super::{hit, online, pages, rig};
use serde_json::json;

#[tokio::test]
async fn the_stream_sends_the_total_and_the_pages_every_two_seconds() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    hit(&rig, "b", "/x", "load").await;
    let mut stream = rig.events("/sse/online").await;
    assert_eq!(
        stream.event().await,
        r#"data: {"ts":1710000000,"online_total":2,"top_pages":[["/",1],["/x",1]]}"#
    );
    hit(&rig, "a", "/x", "load").await;
    rig.advance(2).await;
    assert_eq!(stream.event().await, r#"data: {"ts":1710000002,"online_total":2,"top_pages":[["/x",2]]}"#);
    assert_eq!(stream.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
}

#[tokio::test]
async fn the_first_event_comes_at_once_also_without_users() {
    let rig = rig().await;
    let first = rig.events("/sse/online").await.event().await;
    assert_eq!(first, r#"data: {"ts":1710000000,"online_total":0,"top_pages":[]}"#);
}

#[tokio::test]
async fn the_ten_pages_with_most_visitors_are_sent_ties_by_name() {
    let rig = rig().await;
    for page in 0..12 {
        for visitor in 0..=page / 3 {
            hit(&rig, &format!("{page}-{visitor}"), &format!("/{page:02}"), "load").await;
        }
    }
    assert_eq!(online(&rig).await["online_total"], 30);
    let top = json!([
        ["/09", 4],
        ["/10", 4],
        ["/11", 4],
        ["/06", 3],
        ["/07", 3],
        ["/08", 3],
        ["/03", 2],
        ["/04", 2],
        ["/05", 2],
        ["/00", 1]
    ]);
    assert_eq!(pages(&rig).await, top);
}

#[tokio::test]
async fn a_thousand_viewers_get_the_same_bytes_and_hits_go_on() {
    let rig = rig().await;
    let mut viewers = Vec::new();
    for _ in 0..1_000 {
        viewers.push(rig.events("/sse/online").await);
    }
    for viewer in &mut viewers {
        viewer.event().await;
    }
    hit(&rig, "a", "/", "load").await;
    rig.advance(2).await;
    for viewer in &mut viewers {
        let event = viewer.event().await;
        assert_eq!(event, r#"data: {"ts":1710000002,"online_total":1,"top_pages":[["/",1]]}"#);
    }
}

#[tokio::test]
async fn visitors_and_pages_are_removed_from_memory_without_readers() {
    let rig = rig().await;
    for n in 0..500 {
        hit(&rig, &format!("visitor {n}"), &format!("/{n}"), "load").await;
    }
    assert_eq!((rig.presence.health().sessions, rig.presence.health().topics), (500, 500));
    rig.advance(600).await;
    assert_eq!((rig.presence.health().sessions, rig.presence.health().topics), (0, 0));
}
