//! Pages of other origins.

use super::node::{Node, admin, settings};
use crate::client::send;

const PAGE: &str = "https://app.example";

#[tokio::test]
async fn a_preflight_needs_no_token_and_gets_the_settings() {
    let node = Node::memory().await;
    let asks = [("origin", PAGE), ("access-control-request-method", "DELETE")];
    for path in ["/api/v2/presence/ada", "/api/v2/presence/batch", "/api/v2/presence", "/health"] {
        let reply = send(node.address, "OPTIONS", path, &asks, "").await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, PUT, DELETE, OPTIONS"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("Authorization, Content-Type"));
        assert_eq!(reply.header("access-control-max-age"), Some("600"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn only_listed_origins_are_named_and_errors_can_be_read_too() {
    let origins = format!("{PAGE},https://other.example");
    let node = Node::with(&[
        "--cors-allowed-origins",
        &origins,
        "--cors-allow-credentials",
        "true",
        "--cors-max-age",
        "60",
    ])
    .await;
    for (path, status) in [("/api/v2/presence/ada", 401), ("/health", 200), ("/nothing", 404)] {
        let reply = send(node.address, "GET", path, &[("origin", PAGE)], "").await;
        assert_eq!(
            (reply.status, reply.header("access-control-allow-origin")),
            (status, Some(PAGE)),
            "{path}"
        );
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert!(reply.header("access-control-expose-headers").unwrap().contains("presence-view"));
        let evil = send(node.address, "GET", path, &[("origin", "https://evil.example")], "").await;
        assert_eq!(evil.header("access-control-allow-origin"), None);
    }
    let preflight = send(node.address, "OPTIONS", "/health", &[("origin", PAGE)], "").await;
    assert_eq!(preflight.header("access-control-max-age"), Some("60"));
}

#[tokio::test]
async fn a_single_origin_is_named_to_its_own_pages_alone() {
    let node = Node::with(&["--cors-allowed-origins", PAGE]).await;
    for method in ["OPTIONS", "GET"] {
        for (origin, named) in [(PAGE, Some(PAGE)), ("https://evil.example", None)] {
            let reply = send(node.address, method, "/health", &[("origin", origin)], "").await;
            assert_eq!(reply.header("access-control-allow-origin"), named, "{method} {origin}");
        }
    }
}

#[tokio::test]
async fn credentials_are_never_combined_with_any_origin() {
    let node = Node::with(&["--cors-allow-credentials", "true"]).await;
    for method in ["OPTIONS", "GET"] {
        let reply = send(node.address, method, "/health", &[("origin", PAGE)], "").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn without_cors_no_page_is_named_and_nothing_else_changes() {
    let node = Node::with(&["--cors-enabled", "false"]).await;
    let bearer = format!("Bearer {}", admin());
    let reply = send(
        node.address,
        "GET",
        "/api/v2/presence/ada",
        &[("origin", PAGE), ("authorization", &bearer)],
        "",
    )
    .await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, None));
    assert_eq!(send(node.address, "OPTIONS", "/health", &[], "").await.status, 405);
}

#[test]
fn impossible_settings_are_reported() {
    for arguments in [
        ["--cors-allowed-origins", "no origin"],
        ["--cors-allowed-methods", "GET,two words"],
        ["--cors-allowed-headers", "a:b"],
    ] {
        assert!(settings(&arguments).cors.cors().is_err(), "{arguments:?}");
    }
}
