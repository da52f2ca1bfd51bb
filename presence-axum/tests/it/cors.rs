//! Pages of other origins.

use crate::client::{Reply, events, send};
use crate::rig::Rig;

const PAGE: &str = "https://app.example";

async fn rig() -> Rig {
    Rig::with(|mount| mount.cors(PAGE.parse().unwrap())).await
}

fn allowed(reply: &Reply) -> Option<&str> {
    reply.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_can_read_every_answer_errors_too() {
    let rig = rig().await;
    let from = [("origin", PAGE)];
    for (method, path, body, status) in [
        ("POST", "/v1/hit", r#"{"user":"a"}"#.to_owned(), 200),
        ("POST", "/v1/hit", "{".to_owned(), 400),
        ("POST", "/v1/hit", "x".repeat(20_000), 413),
        ("GET", "/v1/hit", String::new(), 405),
        ("GET", "/v1/counts", String::new(), 200),
        ("GET", "/v1/list?limit=0", String::new(), 400),
    ] {
        let reply = send(rig.address, method, path, &from, body).await;
        assert_eq!((reply.status, allowed(&reply)), (status, Some(PAGE)), "{method} {path}");
    }
    let stream = events(rig.address, "/v1/sse/snapshot", &from).await;
    assert_eq!(stream.headers["access-control-allow-origin"], PAGE);
}

#[tokio::test]
async fn a_page_can_read_when_to_come_back() {
    let limits = presence_axum::Limits::default().streams(0);
    let rig = Rig::with(|mount| mount.limits(limits).cors(PAGE.parse().unwrap())).await;
    let reply = send(rig.address, "GET", "/v1/sse/diff", &[("origin", PAGE)], "").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert_eq!(reply.header("access-control-expose-headers"), Some("retry-after"));
}

#[tokio::test]
async fn a_preflight_is_answered_204_with_what_may_be_sent() {
    let rig = rig().await;
    let asks = [
        ("origin", PAGE),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-mine"),
    ];
    let reply = send(rig.address, "OPTIONS", "/v1/hit", &asks, "").await;
    assert_eq!((reply.status, reply.text.as_str(), allowed(&reply)), (204, "", Some(PAGE)));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type,x-mine"));
    assert_eq!(reply.header("access-control-max-age"), Some("3600"));
}

#[tokio::test]
async fn the_origin_of_an_unlisted_page_is_not_allowed() {
    let rig = rig().await;
    let reply = send(rig.address, "GET", "/v1/counts", &[("origin", "https://evil.example")], "").await;
    assert_eq!(allowed(&reply), Some(PAGE));
    let listed = Rig::with(|mount| mount.cors("https://a.example,https://b.example".parse().unwrap())).await;
    let reply = send(listed.address, "GET", "/v1/counts", &[("origin", "https://evil.example")], "").await;
    assert_eq!((allowed(&reply), reply.header("vary")), (None, Some("origin")));
}

#[tokio::test]
async fn without_settings_no_origin_is_allowed() {
    let rig = Rig::new().await;
    let reply = send(rig.address, "GET", "/v1/counts", &[("origin", PAGE)], "").await;
    assert_eq!(allowed(&reply), None);
    assert_eq!(send(rig.address, "OPTIONS", "/v1/hit", &[("origin", PAGE)], "").await.status, 405);
}
