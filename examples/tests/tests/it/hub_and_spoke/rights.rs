//! Which callers may write for which users.

use super::node::{Node, token};
use serde_json::json;

const BUSY: &str = r#"{"status":"busy"}"#;

#[tokio::test]
async fn a_token_writes_only_its_own_status() {
    let node = Node::memory().await;
    let ada = token("ada", &json!({}));
    for (method, path, status) in [
        ("POST", "/api/v2/presence/ada", 200),
        ("PUT", "/api/v2/presence/ada", 200),
        ("DELETE", "/api/v2/presence/ada", 204),
        ("POST", "/api/v2/presence/bob", 403),
        ("PUT", "/api/v2/presence/bob", 403),
        ("DELETE", "/api/v2/presence/bob", 403),
        ("POST", "/api/v2/presence/Ada", 403),
        ("POST", "/api/v2/presence/ada%20", 403),
        ("GET", "/api/v2/presence/bob", 404),
    ] {
        assert_eq!(node.call(method, path, Some(&ada), BUSY).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn an_administrator_writes_for_everybody() {
    let node = Node::memory().await;
    for claims in [
        json!({ "admin": true }),
        json!({ "roles": ["user", "admin"] }),
        json!({ "realm_access": { "roles": ["admin"] } }),
    ] {
        let admin = token("root", &claims);
        assert_eq!(
            node.call("POST", "/api/v2/presence/bob", Some(&admin), BUSY).await.status,
            200,
            "{claims}"
        );
    }
    for claims in [
        json!({ "admin": false }),
        json!({ "admin": "true" }),
        json!({ "admin": 1 }),
        json!({ "roles": "admin" }),
        json!({ "roles": ["Admin", "administrator", ["admin"]] }),
        json!({ "realm_access": ["admin"] }),
        json!({ "realm_access": { "roles": { "admin": true } } }),
    ] {
        let nearly = token("root", &claims);
        assert_eq!(
            node.call("POST", "/api/v2/presence/bob", Some(&nearly), BUSY).await.status,
            403,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn where_writes_are_not_restricted_every_token_writes() {
    let node = Node::with(&["--restrict-writes", "false"]).await;
    let ada = token("ada", &json!({}));
    assert_eq!(node.call("POST", "/api/v2/presence/bob", Some(&ada), BUSY).await.status, 200);
}

#[tokio::test]
async fn where_an_issuer_is_set_only_its_tokens_count() {
    let node = Node::with(&["--jwt-issuer", "https://id.example"]).await;
    for (claims, status) in [
        (json!({ "iss": "https://id.example" }), 404),
        (json!({ "iss": "https://evil.example" }), 401),
        (json!({}), 401),
    ] {
        let token = token("ada", &claims);
        assert_eq!(
            node.call("GET", "/api/v2/presence/ada", Some(&token), "").await.status,
            status,
            "{claims}"
        );
    }
}
