//! `POST`, `PUT` and `DELETE /api/v2/presence/{userID}`.

use super::node::{Node, admin, clock, settings};
use presence_core::store::Kind;
use presence_core::testing::conformance::{Call, Fault};
use presence_memory::MemoryStore;
use serde_json::json;
use std::sync::Arc;

const ADA: &str = "/api/v2/presence/ada";

#[tokio::test]
async fn put_is_post() {
    let node = Node::memory().await;
    for (method, status) in [("POST", "online"), ("PUT", "away"), ("PUT", "busy"), ("POST", "offline")] {
        let reply = node.call(method, ADA, Some(&admin()), json!({ "status": status }).to_string()).await;
        assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some(status)));
        assert_eq!(node.status("ada").await, status);
    }
}

#[tokio::test]
async fn a_status_that_is_none_is_refused() {
    let node = Node::memory().await;
    for body in [
        r#"{"status":"here"}"#,
        r#"{"status":"Online"}"#,
        r#"{"status":""}"#,
        r#"{"status":null}"#,
        r#"{"status":1}"#,
        r#"{"status":["online"]}"#,
        r#"{"status":true,"message":1}"#,
        "{}",
        r#"{"message":"x"}"#,
    ] {
        assert_eq!(
            node.post(ADA, body).await.status_and_text(),
            (400, r#"{"error":"invalid status"}"#),
            "{body}"
        );
    }
    assert_eq!(node.status("ada").await, "404");
}

#[tokio::test]
async fn a_body_that_is_no_json_or_wrongly_typed_is_refused() {
    let node = Node::memory().await;
    let deep = "[".repeat(10_000);
    for body in [
        "",
        "nonsense",
        "{",
        r#"{"status":"online""#,
        r#"{"status":"online"}}"#,
        r#"{"status":"online","message":"\ud800"}"#,
        "[]",
        r#"["online"]"#,
        "null",
        "1",
        r#""online""#,
        r#"{"status":"online","message":1}"#,
        r#"{"status":"online","message":["x"]}"#,
        r#"{"status":"online","message":{}}"#,
        r#"{"status":"online","message":"a\u0000b"}"#,
        r#"{"status":"online","ttl":"60"}"#,
        r#"{"status":"online","ttl":0}"#,
        r#"{"status":"online","ttl":-1}"#,
        r#"{"status":"online","ttl":1.5}"#,
        r#"{"status":"online","ttl":1e400}"#,
        r#"{"status":"online","ttl":[]}"#,
        r#"{"status":"online","ttl":true}"#,
        &deep,
        &format!(r#"{{"status":"online","message":"{}"}}"#, "x".repeat(257)),
    ] {
        let reply = node.post(ADA, body).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(node.status("ada").await, "404");
}

#[tokio::test]
async fn unusual_but_valid_requests_are_accepted() {
    let node = Node::memory().await;
    for (body, message) in [
        (r#" { "status" : "online" , "more" : [] } "#.to_owned(), String::new()),
        (r#"{"status":"online","message":null,"ttl":null}"#.to_owned(), String::new()),
        (r#"{"status":"away","status":"online","message":"\u00e9\n"}"#.to_owned(), "é\n".to_owned()),
        (format!(r#"{{"status":"online","message":"{}"}}"#, "é".repeat(256)), "é".repeat(256)),
        (r#"{"status":"online","ttl":18446744073709551615}"#.to_owned(), String::new()),
    ] {
        let reply = node.post(ADA, body.clone()).await;
        assert_eq!((reply.status, reply.json()["message"].as_str()), (200, Some(&*message)), "{body}");
        assert_eq!(reply.json()["status"], "online");
    }
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_accepted_and_a_larger_one_refused() {
    let node = Node::memory().await;
    let body = |bytes: usize| {
        let rest = r#"{"status":"online","x":""}"#.len();
        format!(r#"{{"status":"online","x":"{}"}}"#, "x".repeat(bytes - rest))
    };
    assert_eq!(node.post(ADA, body(1 << 20)).await.status, 200);
    for bytes in [(1 << 20) + 1, 5 << 20] {
        assert_eq!(
            node.post(ADA, body(bytes)).await.status_and_text(),
            (413, r#"{"error":"too large"}"#),
            "{bytes}"
        );
    }
}

#[tokio::test]
async fn a_cleared_status_is_gone_at_once_and_can_be_set_again() {
    let node = Node::memory().await;
    for _ in 0..2 {
        node.set("ada", "online").await;
        let reply = node.call("DELETE", ADA, Some(&admin()), "").await;
        assert_eq!(reply.status_and_text(), (204, ""));
        assert_eq!(node.status("ada").await, "404");
    }
    // Also for a user without a status.
    for user in ["ada", "nobody"] {
        let path = format!("/api/v2/presence/{user}");
        assert_eq!(node.call("DELETE", &path, Some(&admin()), "").await.status, 204);
    }
    node.set("ada", "busy").await;
    assert_eq!(node.status("ada").await, "busy");
}

#[tokio::test]
async fn all_nodes_show_the_last_of_many_writes_at_several_nodes() {
    let clock = clock();
    let store = MemoryStore::with_clock(clock.clone());
    let mut nodes = Vec::new();
    for id in ["leaf-1", "leaf-2", "leaf-3"] {
        let settings = settings(&[]);
        let settings = hub_and_spoke::Settings { node_id: id.parse().unwrap(), ..settings };
        nodes.push(Node::on(Arc::new(store.clone()), clock.clone(), &settings).await);
    }
    for node in &nodes {
        assert_eq!(node.status("ada").await, "404");
    }
    // All within one instant of the clock.
    for (turn, status) in ["online", "away", "busy", "offline", "away"].iter().cycle().take(20).enumerate() {
        let writer = &nodes[turn % 3];
        let id = format!("leaf-{}", turn % 3 + 1);
        let stored = writer.set("ada", status).await;
        assert_eq!(stored["nodeID"], id.as_str());
        writer.advance(0).await;
        for node in &nodes {
            assert_eq!(node.get(ADA).await.json(), stored, "in turn {turn}");
        }
    }
    assert_eq!(nodes[0].call("DELETE", ADA, Some(&admin()), "").await.status, 204);
    nodes[0].advance(0).await;
    for node in &nodes {
        assert_eq!(node.status("ada").await, "404");
    }
}

#[tokio::test]
async fn a_write_that_the_store_has_not_confirmed_is_a_503_and_leaves_nothing() {
    let (node, faults) = Node::faulty().await;
    node.set("ada", "online").await;
    for call in [Call::Put, Call::Load] {
        faults.inject(call, Fault::Fails(Kind::Unavailable));
        for (method, path, body) in [
            ("POST", ADA, r#"{"status":"busy"}"#),
            ("PUT", "/api/v2/presence/bob", r#"{"status":"busy"}"#),
            ("POST", "/api/v2/presence/batch", r#"{"presences":[{"userID":"ada","status":"busy"}]}"#),
            ("DELETE", ADA, ""),
        ] {
            let reply = node.call(method, path, Some(&admin()), body).await;
            assert_eq!(reply.status, 503, "{method} {path}: {}", reply.text);
            assert!(reply.json()["error"].is_string());
        }
        faults.restore();
        node.advance(60).await;
        assert_eq!((node.status("ada").await, node.status("bob").await), ("online".into(), "404".into()));
    }
}

#[tokio::test]
async fn a_write_that_timed_out_but_was_stored_is_shown_even_if_the_watch_is_silent() {
    let (node, faults) = Node::faulty().await;
    for (status, says) in [("busy", true), ("away", false)] {
        node.set("ada", "online").await;
        assert_eq!(node.status("ada").await, "online");
        faults.inject(Call::Put, Fault::FailsAfter(Kind::Timeout));
        if !says {
            faults.silence_all();
        }
        assert_eq!(node.post(ADA, json!({ "status": status }).to_string()).await.status, 503);
        faults.restore();
        assert_eq!(node.status("ada").await, status);
    }
}
