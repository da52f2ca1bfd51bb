//! `GET /api/v2/presence/{userID}` and `?users=`, and how long a status lasts.

use super::node::{Node, admin, token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ODD: [(&str, &str); 9] = [
    ("ann@example.com", "ann@example.com"),
    ("a%20b", "a b"),
    ("%2A", "*"),
    ("%3E", ">"),
    ("a%2Fb", "a/b"),
    ("%2E%2E%2E", "..."),
    ("a.b.c", "a.b.c"),
    ("%F0%9F%98%80", "😀"),
    ("a,b", "a,b"),
];

#[tokio::test]
async fn a_status_is_shown_with_all_that_is_known_of_it() {
    let node = Node::memory().await;
    let stored = node.post("/api/v2/presence/ada", r#"{"status":"busy","message":"Focus"}"#).await;
    let at = "2024-03-09T16:00:02.000Z";
    let text = format!(
        r#"{{"userID":"ada","status":"busy","message":"Focus","lastSeen":"{at}","updatedAt":"{at}","nodeID":"center-1"}}"#
    );
    assert_eq!(stored.status_and_text(), (200, text.as_str()));
    assert_eq!(stored.header("content-type"), Some("application/json"));
    node.advance(10).await;
    let read = node.get("/api/v2/presence/ada").await;
    assert_eq!(read.status_and_text(), (200, text.as_str()));
    assert_eq!(read.header("presence-view"), None);
}

#[tokio::test]
async fn an_unknown_user_is_a_404_with_their_id() {
    let node = Node::memory().await;
    let reply = node.get("/api/v2/presence/bob").await;
    assert_eq!(reply.status_and_text(), (404, r#"{"error":"presence not found for user bob"}"#));
}

#[tokio::test]
async fn any_name_of_up_to_256_bytes_is_a_user() {
    let node = Node::memory().await;
    let (long, wide) = ("x".repeat(256), "%C3%A9".repeat(128));
    let odd = ODD.map(|(path, name)| (path.to_owned(), name.to_owned()));
    for (path, name) in odd.into_iter().chain([(long.clone(), long), (wide, "é".repeat(128))]) {
        let path = format!("/api/v2/presence/{path}");
        assert_eq!(node.post(&path, r#"{"status":"away"}"#).await.json()["userID"], name.as_str(), "{path}");
        assert_eq!(node.get(&path).await.json()["userID"], name.as_str(), "{path}");
        assert_eq!(node.call("DELETE", &path, Some(&admin()), "").await.status, 204);
        assert_eq!(node.get(&path).await.status, 404);
    }
    for bad in ["x".repeat(257), "%00".to_owned(), "a%0Ab".to_owned(), "%FF".to_owned()] {
        let path = format!("/api/v2/presence/{bad}");
        assert_eq!(node.get(&path).await.status, 400, "{bad}");
        assert_eq!(node.post(&path, r#"{"status":"away"}"#).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn batch_is_a_valid_user_id() {
    let node = Node::memory().await;
    let put = node.call("PUT", "/api/v2/presence/batch", Some(&admin()), r#"{"status":"away"}"#).await;
    assert_eq!((put.status, put.json()["userID"].as_str()), (200, Some("batch")));
    assert_eq!(node.status("batch").await, "away");
    assert_eq!(node.call("DELETE", "/api/v2/presence/batch", Some(&admin()), "").await.status, 204);
    assert_eq!(node.status("batch").await, "404");
}

#[tokio::test]
async fn several_are_shown_in_request_order_and_the_others_are_missing() {
    let node = Node::memory().await;
    for user in ["ada", "bob", "a%2Cb"] {
        node.set(user, "online").await;
    }
    let names = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["userID"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    for query in ["zoe,bob,yan,ada", "zoe%2Cbob%2Cyan%2Cada"] {
        let reply = node.get(&format!("/api/v2/presence?users={query}")).await;
        assert_eq!(
            (reply.status, names(&reply.json()["presences"])),
            (200, vec!["bob".into(), "ada".into()])
        );
        assert_eq!(reply.json()["missing"], json!(["zoe", "yan"]));
    }
    let comma = node.get("/api/v2/presence?users=a%2Cb,ada").await;
    assert_eq!(names(&comma.json()["presences"]), ["a,b", "ada"]);
    let none = node.get("/api/v2/presence?users=zoe").await;
    assert_eq!(none.status_and_text(), (200, r#"{"presences":[],"missing":["zoe"]}"#));
}

#[tokio::test]
async fn more_than_a_thousand_users_are_refused() {
    let node = Node::memory().await;
    let query = |n: usize| {
        let users: Vec<_> = (0..n).map(|i| format!("user-{i}")).collect();
        format!("/api/v2/presence?users={}", users.join(","))
    };
    let reply = node.get(&query(1_000)).await;
    assert_eq!((reply.status, reply.json()["missing"].as_array().unwrap().len()), (200, 1_000));
    assert_eq!(node.get(&query(1_001)).await.status, 400);
    for query in ["", "?users=", "?user=ada"] {
        assert_eq!(node.get(&format!("/api/v2/presence{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_status_lasts_an_hour_and_then_is_a_404_everywhere() {
    let node = Node::memory().await;
    node.set("ada", "online").await;
    node.advance(3_599).await;
    assert_eq!(node.status("ada").await, "online");
    node.advance(1).await;
    assert_eq!(node.status("ada").await, "404");
    assert_eq!(node.get("/api/v2/presence?users=ada").await.json()["missing"], json!(["ada"]));
    let added = node.counted("keys_added").await;
    assert_eq!(node.status("ada").await, "404");
    assert_eq!(node.counted("keys_added").await, added, "a lapsed user is not cached anew");
}

#[tokio::test]
async fn a_ttl_shortens_it_and_setting_it_again_renews_it() {
    let node = Node::memory().await;
    let path = "/api/v2/presence/ada";
    for _ in 0..3 {
        // The same after it has lapsed: a status that is set again lapses again.
        assert_eq!(node.post(path, r#"{"status":"away","ttl":5}"#).await.status, 200);
        node.advance(4).await;
        assert_eq!(node.post(path, r#"{"status":"busy","ttl":5}"#).await.status, 200);
        node.advance(4).await;
        assert_eq!(node.status("ada").await, "busy");
        node.advance(1).await;
        assert_eq!(node.status("ada").await, "404");
    }
    // It shortens, and never lengthens.
    node.post(path, r#"{"status":"away","ttl":999999}"#).await;
    node.advance(3_600).await;
    assert_eq!(node.status("ada").await, "404");
}

#[tokio::test]
async fn a_user_with_status_offline_is_found() {
    let node = Node::memory().await;
    node.set("ada", "offline").await;
    assert_eq!(node.status("ada").await, "offline");
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_shown() {
    let node = Node::memory().await;
    let expired = token("ada", &json!({ "exp": super::node::START }));
    for (method, path) in [
        ("GET", "/api/v2/presence/ada"),
        ("POST", "/api/v2/presence/ada"),
        ("PUT", "/api/v2/presence/ada"),
        ("DELETE", "/api/v2/presence/ada"),
        ("GET", "/api/v2/presence?users=ada"),
        ("GET", "/api/v2/presence"),
        ("POST", "/api/v2/presence/batch"),
        ("GET", "/api/v2/cache/metrics"),
        ("POST", "/api/v2/presence/%FF"),
    ] {
        for token in [None, Some("x.y.z"), Some(expired.as_str())] {
            let reply = node.call(method, path, token, "not even JSON").await;
            assert_eq!(reply.status, 401, "{method} {path}: {}", reply.text);
            assert!(reply.json()["error"].is_string());
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
}

#[tokio::test]
async fn more_names_than_a_url_holds_are_asked_for_in_a_body() {
    let node = Node::memory().await;
    node.set("ada", "busy").await;
    let long: Vec<String> = (0..999).map(|n| format!("{n:0>250}")).collect();
    let mut names = long.clone();
    names.insert(500, "ada".to_owned());
    let reply = node.post("/api/v2/presence/query", json!({ "users": names }).to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["presences"][0]["userID"], "ada");
    assert_eq!(reply.json()["missing"], json!(long));
    for (body, error) in [
        (json!({}), "users is required"),
        (json!({ "users": [] }), "users is required"),
        (json!({ "users": "ada" }), "users is required"),
        (json!({ "users": [1] }), "invalid userID"),
        (json!({ "users": [""] }), "invalid userID"),
        (json!({ "users": vec!["a"; 1_001] }), "too many users"),
    ] {
        let reply = node.post("/api/v2/presence/query", body.to_string()).await;
        assert_eq!(reply.status_and_text(), (400, json!({ "error": error }).to_string().as_str()), "{body}");
    }
    // It is a user's name all the same.
    assert_eq!(
        node.call("PUT", "/api/v2/presence/query", Some(&admin()), r#"{"status":"away"}"#).await.status,
        200
    );
    assert_eq!(node.status("query").await, "away");
    assert_eq!(node.call("POST", "/api/v2/presence/query", None, r#"{"users":["a"]}"#).await.status, 401);
}

#[tokio::test]
async fn a_url_of_60_kib_is_accepted_and_a_longer_one_gets_a_json_error() {
    let node = Node::memory().await;
    let query =
        |bytes: usize| format!("/api/v2/presence?users={}", vec!["x".repeat(249); bytes / 250].join(","));
    assert_eq!(node.get(&query(60 * 1024)).await.status, 200);
    // No client of ours would send it.
    for (bytes, status, words) in
        [(66_000, 414, "the URL is too long"), (120_000, 431, "the head of the request is too large")]
    {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let request = format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", query(bytes));
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(body, json!({ "error": words }).to_string());
        assert!(head.contains("access-control-allow-origin: *"), "{answer}");
    }
}
