//! Jobs are created and asked for.

use super::{Node, update, updates_of};
use serde_json::{Value, json};

#[tokio::test]
async fn the_response_for_a_new_job_has_the_url_of_its_events() {
    let node = Node::new().await;
    let reply = node.post("/api/v1/jobs", json!({"topics": ["a", "b"], "sources": ["c"]})).await;
    let job = reply.json()["jobId"].as_str().unwrap().to_owned();
    let text = format!(
        r#"{{"jobId":"{job}","sseEndpoint":"/api/v1/jobs/{job}/events","status":"pending","createdAt":"2024-03-09T16:00:00.000Z"}}"#
    );
    assert_eq!(reply.status_and_text(), (201, &*text));
    assert_ne!(node.create().await, job);
}

#[tokio::test]
async fn each_field_that_is_wrong_is_named() {
    let node = Node::new().await;
    let long = "x".repeat(257);
    let many = vec!["x"; 101];
    for (body, fields) in [
        (json!({}), json!(["topics", "sources"])),
        (json!({"topics": ["a"]}), json!(["sources"])),
        (json!({"topics": [], "sources": ["a"]}), json!(["topics"])),
        (json!({"topics": "a", "sources": ["a"]}), json!(["topics"])),
        (json!({"topics": ["a", 7], "sources": ["a"]}), json!(["topics"])),
        (json!({"topics": ["a"], "sources": [" "]}), json!(["sources"])),
        (json!({"topics": [long], "sources": ["a"]}), json!(["topics"])),
        (json!({"topics": ["a"], "sources": many}), json!(["sources"])),
        (json!([]), json!(["body"])),
    ] {
        let reply = node.post("/api/v1/jobs", &body).await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("Validation failed")), "{body}");
        let details = reply.json()["details"].as_array().unwrap().clone();
        let named: Vec<Value> = details.iter().map(|detail| detail["field"].clone()).collect();
        assert_eq!(json!(named), fields, "{body}");
    }
    assert_eq!(node.post("/api/v1/jobs", "no json").await.status, 400);
    assert_eq!(node.post("/api/v1/jobs", "x".repeat(20_000)).await.status, 413);
}

#[tokio::test]
async fn a_job_is_asked_for() {
    let node = Node::new().await;
    let unknown = node.get("/api/v1/jobs/nobody").await;
    assert_eq!(unknown.status_and_text(), (404, r#"{"error":"Job not found"}"#));
    let job = node.create().await;
    let path = format!("/api/v1/jobs/{job}");
    let text = format!(
        r#"{{"jobId":"{job}","status":"pending","progress":0,"stage":"queued","updatedAt":"2024-03-09T16:00:00.000Z","sseEndpoint":"/api/v1/jobs/{job}/events"}}"#
    );
    assert_eq!(node.get(&path).await.status_and_text(), (200, &*text));
    node.post(&updates_of(&job), update("processing", 7)).await;
    let text = format!(
        r#"{{"jobId":"{job}","status":"processing","progress":7,"stage":"stage-7","updatedAt":"2026-01-02T03:04:05Z","sseEndpoint":"/api/v1/jobs/{job}/events"}}"#
    );
    assert_eq!(node.get(&path).await.status_and_text(), (200, &*text));
}

#[tokio::test]
async fn ids_that_are_too_long_or_no_text_are_refused_by_name() {
    let node = Node::new().await;
    for id in ["x".repeat(257), "%FF".to_owned(), "%00".to_owned(), "a%0Ab".to_owned()] {
        for path in [format!("/api/v1/jobs/{id}"), format!("/api/v1/jobs/{id}/events")] {
            let reply = node.get(&path).await;
            assert_eq!(
                (reply.status, &reply.json()["details"][0]["field"]),
                (400, &json!("jobId")),
                "{path}"
            );
        }
        let reply = node.post(&format!("/api/v1/jobs/{id}/updates"), update("pending", 1)).await;
        assert_eq!((reply.status, &reply.json()["details"][0]["field"]), (400, &json!("jobId")), "{id}");
    }
}

#[tokio::test]
async fn unknown_paths_get_a_json_response() {
    let node = Node::new().await;
    assert_eq!(node.get("/api/v2/jobs").await.status_and_text(), (404, r#"{"error":"Not found"}"#));
    assert_eq!(node.get("/api/v1/jobs").await.status_and_text(), (405, r#"{"error":"Method not allowed"}"#));
}
