//! What the page reads the viewers of a job from.

use super::access::{OWNED, created, of, token};
use super::{Node, encoded};
use crate::client::{Events, events, send};
use crate::rig::START;
use serde_json::{Value, json};
use std::time::Duration;

async fn count(node: &Node, query: &str, token: Option<&str>) -> Events {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    events(node.address, &format!("/page/v1/sse?{query}"), &headers).await
}

fn counts_of(job: &str) -> String {
    format!("counts={}", encoded(&format!("job:{job}")))
}

/// The next number of viewers.
async fn viewers(stream: &mut Events) -> Value {
    loop {
        let event = stream.event().await;
        if let Some(data) = event.strip_prefix("event: presence_counts\ndata: ") {
            return serde_json::from_str::<Value>(data).unwrap()["online"].clone();
        }
    }
}

#[tokio::test]
async fn the_viewers_of_a_job_are_counted_without_the_page_that_counts() {
    let node = Node::new().await;
    let job = node.create().await;
    let (one, _two) = (node.watch(&job).await, node.watch(&job).await);
    let mut stream = count(&node, &counts_of(&job), None).await;
    assert_eq!(viewers(&mut stream).await, 2);
    drop(one);
    node.until_watched_by(&job, 1).await;
    node.advance(Duration::from_secs(1)).await;
    assert_eq!(viewers(&mut stream).await, 1);
}

#[tokio::test]
async fn callers_who_may_watch_a_job_see_its_number_of_viewers() {
    let node = Node::with(&OWNED).await;
    let job = created(&node, "ada").await;
    let named = token(json!({"sub": "service", "jobId": job}));
    for (token, status) in [
        (None, 401),
        (Some(of("bob")), 403),
        (Some(token(json!({}))), 403),
        (Some(of("ada")), 200),
        (Some(named), 200),
    ] {
        assert_eq!(count(&node, &counts_of(&job), token.as_deref()).await.status, status, "{token:?}");
    }
    assert_eq!(count(&node, &counts_of("unheard-of"), Some(&of("ada"))).await.status, 403);
    let both = format!("{}&{}", counts_of(&job), counts_of(&created(&node, "bob").await));
    assert_eq!(count(&node, &both, Some(&of("ada"))).await.status, 403);
}

#[tokio::test]
async fn nothing_but_single_jobs_can_be_watched() {
    let open = Node::new().await;
    let owned = Node::with(&OWNED).await;
    let admin = token(json!({"sub": "root", "admin": true}));
    for (node, token) in [(&open, None), (&owned, Some(admin.as_str()))] {
        for query in ["", "counts=", "user=ada", "topic=elsewhere", "topic=job:"] {
            assert_eq!(count(node, query, token).await.status, 403, "{query}");
        }
    }
    for path in ["/page/v1/topics", "/page/v1/list", "/page/v1/ws", "/page/v1/users/ada"] {
        assert_eq!(open.get(path).await.status, 404, "{path}");
    }
    let hit = json!({"user": "ada", "kind": "enter", "topics": ["job:j"]});
    assert_eq!(open.post("/page/v1/hit", hit).await.status, 404);
}

#[tokio::test]
async fn counting_ends_with_the_token() {
    let node = Node::with(&OWNED).await;
    let job = created(&node, "ada").await;
    let short = token(json!({"sub": "ada", "exp": START + 45}));
    let mut stream = count(&node, &counts_of(&job), Some(&short)).await;
    assert_eq!(viewers(&mut stream).await, 0);
    node.advance(Duration::from_secs(45)).await;
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn the_figures_of_the_contract_are_as_they_were() {
    let node = Node::with(&["--rate-limit", "1"]).await;
    let _counts = (count(&node, "counts=job:j", None).await, count(&node, "counts=job:j", None).await);
    let health = send(node.address, "GET", "/health", &[], "").await.json();
    assert_eq!(health["active_connections"], 0);
    // Neither of them was a request of the contract's.
    assert_eq!(node.get("/api/v1/jobs/j").await.status, 404);
    assert_eq!(node.get("/api/v1/jobs/j").await.status, 429);
}
