//! The endpoints beside the socket.

use super::{Node, get, token};
use crate::client::send;
use serde_json::{Value, json};

#[tokio::test]
async fn health_counts_connections_and_needs_no_token() {
    let node = Node::with(&["--service-name", "gateway-7"]).await;
    let _clients = (node.connect("a").await, node.connect("a").await);
    let reply = send(node.address, "GET", "/health", &[], "").await;
    assert_eq!(
        reply.status_and_text(),
        (200, r#"{"status":"healthy","service":"gateway-7","active_connections":2}"#)
    );
    assert_eq!(send(node.address, "GET", "/metrics", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_user_shows_with_name_status_and_last_sight_or_as_offline() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    let shown = node.get("/presence/alice").await;
    assert_eq!(shown.status, 200);
    let shown = shown.json();
    assert_eq!(
        (&shown["user_id"], &shown["username"], &shown["status"]),
        (&json!("alice"), &json!("ALICE"), &json!("online"))
    );
    assert!(shown["last_seen"].as_str().unwrap().starts_with("2024-03-09T1"), "{shown}");
    for (path, id) in [("nobody", "nobody"), ("a%20b%2Fc", "a b/c"), ("%F0%9F%8E%88", "🎈")] {
        let reply = node.get(&format!("/presence/{path}")).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({"user_id": id, "status": "offline", "last_seen": null}));
    }
    let long = "x".repeat(1_000);
    assert_eq!(node.get(&format!("/presence/{long}")).await.json()["status"], "offline");
    drop(alice);
    node.open(0).await;
    node.advance(5).await;
    let gone = json!({"user_id": "alice", "status": "offline", "last_seen": null});
    assert_eq!(node.get("/presence/alice").await.json(), gone);
}

#[tokio::test]
async fn online_users_are_listed_in_pages() {
    let node = Node::new().await;
    let mut clients = Vec::new();
    for user in ["e", "d", "c", "b", "a"] {
        clients.push(node.connect(user).await);
        clients.last_mut().unwrap().enters("general").await;
    }
    clients[0].send_json(json!({"type": "status", "status": "offline"})).await;
    clients[1].send_json(json!({"type": "status", "status": "busy"})).await;
    for client in &mut clients[..2] {
        client.send_json(json!({"type": "ping"})).await;
        client.of("pong").await;
    }
    let all = node.get("/presence").await.json();
    let users = |reply: &Value| -> Vec<String> {
        reply["users"].as_array().unwrap().iter().map(|user| super::text(&user["user_id"])).collect()
    };
    assert_eq!((users(&all), &all["count"]), (["a", "b", "c", "d"].map(String::from).to_vec(), &json!(4)));
    assert_eq!(all.get("next"), None);
    assert_eq!((&all["users"][3]["status"], &all["users"][0]["username"]), (&json!("busy"), &json!("A")));
    assert!(all["users"][0]["last_seen"].is_string());
    let (mut cursor, mut walked) = (String::new(), Vec::new());
    loop {
        let page = node.get(&format!("/presence?limit=3{cursor}")).await.json();
        assert_eq!(page["count"], 4);
        walked.extend(users(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(walked, ["a", "b", "c", "d"]);
    for query in ["limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=", "cursor=%00"] {
        assert_eq!(node.get(&format!("/presence?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn reading_needs_a_token_unless_it_is_public() {
    let node = Node::new().await;
    let public = Node::with(&["--rest-public"]).await;
    for path in ["/presence", "/presence/alice"] {
        assert_eq!(send(node.address, "GET", path, &[], "").await.status, 401, "{path}");
        assert_eq!(get(node.address, path, "nonsense").await.status, 401, "{path}");
        assert_eq!(get(node.address, path, &token("a")).await.status, 200, "{path}");
        assert_eq!(send(public.address, "GET", path, &[], "").await.status, 200, "{path}");
    }
    // Routes that change something are never public.
    for path in ["/admin/disconnect/a", "/messages"] {
        assert_eq!(send(public.address, "POST", path, &[], "{}").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_read() {
    let node = Node::with(&["--cors-origins", "https://app.example,https://other.example"]).await;
    let from = |origin: &'static str| async move {
        let reply = send(node.address, "GET", "/health", &[("origin", origin)], "").await;
        reply.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(from("https://app.example").await.as_deref(), Some("https://app.example"));
    assert_eq!(from("https://evil.example").await, None);
}

#[tokio::test]
async fn tokens_are_given_to_anybody_only_in_a_demo() {
    let (node, demo) = (Node::new().await, Node::with(&["--demo"]).await);
    assert_eq!(send(node.address, "GET", "/demo/token?user=alice", &[], "").await.status, 404);
    let reply = send(demo.address, "GET", "/demo/token?user=alice", &[], "").await;
    assert_eq!(reply.status, 200);
    let given = super::text(&reply.json()["token"]);
    super::connected(demo.address, &given).await.enters("general").await;
    assert_eq!(super::post(demo.address, "/admin/disconnect/alice", &given, json!({})).await.status, 403);
    assert_eq!(send(demo.address, "GET", "/demo/token?user=", &[], "").await.status, 400);
}
