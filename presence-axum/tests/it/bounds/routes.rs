//! The responses of routes.

use super::full::{SHORT, encoded, half, long, rig, room, whole};
use super::measured;
use crate::client::{events, events_of, send};
use crate::rig::Rig;
use serde_json::json;

/// The header that browsers send with requests of our own pages.
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The length of the `n`-th event of a stream.
async fn event(rig: &Rig, path: &str, n: usize) -> usize {
    let mut stream = events(rig.address, path, &[]).await;
    assert_eq!(stream.status, 200, "{path}");
    for _ in 0..n {
        stream.event().await;
    }
    stream.event().await.len() + 2
}

#[tokio::test]
async fn no_answer_of_a_full_store_is_larger_than_its_row_says() {
    let rig = rig().await;
    for (name, path) in [
        ("GET /v1/users/{user}", format!("/v1/users/{}", encoded(&whole()))),
        ("GET /v1/counts", format!("/v1/counts?topic={}", encoded(&room(SHORT)))),
        ("GET /v1/list", "/v1/list?limit=1000".to_owned()),
        ("GET /v1/topics", "/v1/topics?limit=1000".to_owned()),
        ("GET /v1/health", "/v1/health".to_owned()),
        ("GET /presence.js", "/presence.js".to_owned()),
    ] {
        let reply = rig.get(&path).await;
        assert_eq!(reply.status, 200, "{path}");
        measured(name, reply.text.len());
    }

    // As many as fit, and one more.
    let many: Vec<_> = (10_000..10_060).map(|n| encoded(&long(256, n))).collect();
    let ids = format!("{},{}", encoded(&half()), many.join(","));
    let reply = rig.get(&format!("/v1/users?ids={ids}")).await;
    assert_eq!(reply.status, 200);
    measured("GET /v1/users", reply.text.len());
    let ids = format!("{ids},{}", encoded(&whole()));
    assert_eq!(rig.get(&format!("/v1/users?ids={ids}")).await.status, 413);

    let enter = json!({ "user": long(256, 3), "kind": "enter" }).to_string();
    let reply = send(rig.address, "POST", "/v1/hit", &[OWN], enter).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    measured("POST /v1/hit", reply.text.len());
    let path = format!("/v1/users/{}/disconnect", encoded(&whole()));
    let reply = send(rig.address, "POST", &path, &[OWN], r#"{"seconds":7776000}"#).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    measured("POST /v1/users/{user}/disconnect", reply.text.len());
}

#[tokio::test]
async fn no_event_of_a_full_store_is_larger_than_its_row_says() {
    let rig = rig().await;
    measured("GET /v1/sse/snapshot", event(&rig, "/v1/sse/snapshot", 0).await);
    let topic = encoded(&room(850));
    measured("GET /v1/sse/diff", event(&rig, &format!("/v1/sse/diff?topic={topic}"), 1).await);
    // Larger topics get counts, as does everyone.
    for query in [String::new(), format!("?topic={}", encoded(&room(SHORT)))] {
        assert!(event(&rig, &format!("/v1/sse/diff{query}"), 1).await < 1_024);
    }
    let users: Vec<_> = (0..SHORT).map(|n| format!("m{n}")).collect();
    let query = format!("/v1/sse?user={}", users.join("&user="));
    measured("GET /v1/sse", event(&rig, &query, 2).await);
    let body = json!({ "users": users }).to_string();
    let mut stream = events_of(rig.address, "POST", "/v1/sse", &[OWN], body).await;
    for _ in 0..2 {
        stream.event().await;
    }
    measured("POST /v1/sse", stream.event().await.len() + 2);
}
