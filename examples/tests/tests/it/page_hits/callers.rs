//! Which callers and methods are allowed.

use super::{body, rig};
use crate::client::{Reply, events, send};
use crate::rig::Rig;
use page_hits::{Probe, app, policy};
use presence_axum::Cors;

const LISTED: &str = "https://a.example";

/// A service for pages of these origins alone.
async fn for_pages_of(origins: &str) -> Rig {
    let cors: Cors = origins.parse().unwrap();
    Rig::serving(policy(super::TTL), |presence| app(presence, Probe::NONE, cors)).await
}

/// Every kind of answer, asked from a page of `origin`.
async fn every_answer(rig: &Rig, origin: &str) -> Vec<Reply> {
    let asks = [("origin", origin), ("access-control-request-method", "POST")];
    let mut replies = Vec::new();
    for (method, path, body, status) in [
        ("OPTIONS", "/v1/hit", String::new(), 204),
        ("OPTIONS", "/sse/online", String::new(), 204),
        ("POST", "/v1/hit", body("a", "/", "load"), 200),
        ("POST", "/v1/hit", "{}".to_owned(), 400),
        ("POST", "/v1/hit", "x".repeat(20_000), 413),
        ("GET", "/v1/hit", String::new(), 405),
        ("GET", "/healthz", String::new(), 200),
        ("GET", "/readyz", String::new(), 200),
        ("GET", "/nothing", String::new(), 404),
    ] {
        let reply = send(rig.address, method, path, &asks, body).await;
        assert_eq!(reply.status, status, "{method} {path}");
        replies.push(reply);
    }
    let stream = events(rig.address, "/sse/online", &asks).await;
    replies.push(Reply { status: stream.status, headers: stream.headers.clone(), text: String::new() });
    replies
}

#[tokio::test]
async fn by_default_pages_of_every_origin_may_read_every_answer_without_credentials() {
    for reply in every_answer(&rig().await, "https://any.example").await {
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_listed_origin_is_echoed() {
    for origins in [LISTED, "https://b.example, https://a.example"] {
        let rig = for_pages_of(origins).await;
        for reply in every_answer(&rig, LISTED).await {
            assert_eq!(reply.header("access-control-allow-origin"), Some(LISTED));
            assert_eq!(reply.header("vary"), Some("origin"));
        }
    }
}

#[tokio::test]
async fn other_origins_get_no_cors_headers() {
    for origins in [LISTED, "https://b.example, https://a.example"] {
        let rig = for_pages_of(origins).await;
        for reply in every_answer(&rig, "https://evil.example").await {
            let told = reply.headers.keys().find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(told, None);
        }
    }
}

#[tokio::test]
async fn a_preflight_lists_the_allowed_requests() {
    let asks = [("origin", LISTED), ("access-control-request-headers", "content-type")];
    let reply = send(for_pages_of(LISTED).await.address, "OPTIONS", "/v1/hit", &asks, "").await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"));
}

#[tokio::test]
async fn health_answers_head_too() {
    let rig = rig().await;
    for path in ["/healthz", "/readyz"] {
        let reply = send(rig.address, "HEAD", path, &[], "").await;
        assert_eq!(reply.status_and_text(), (200, ""), "{path}");
        assert_eq!(reply.header("content-length"), Some("11"));
    }
}

#[tokio::test]
async fn other_methods_and_paths_get_json_errors() {
    let rig = rig().await;
    for (method, path, said) in [
        ("GET", "/v1/hit", (405, r#"{"ok":false,"error":"method not allowed"}"#)),
        ("DELETE", "/v1/hit", (405, r#"{"ok":false,"error":"method not allowed"}"#)),
        ("POST", "/sse/online", (405, r#"{"ok":false,"error":"method not allowed"}"#)),
        ("POST", "/healthz", (405, r#"{"ok":false,"error":"method not allowed"}"#)),
        ("GET", "/", (404, r#"{"ok":false,"error":"not found"}"#)),
        ("POST", "/v1/hit/", (404, r#"{"ok":false,"error":"not found"}"#)),
    ] {
        assert_eq!(
            send(rig.address, method, path, &[], "{}").await.status_and_text(),
            said,
            "{method} {path}"
        );
    }
}
