//! What the page reads presence from.

use super::{Node, admin, get, post, token, token_until};
use crate::client::{Events, events, events_of};
use crate::rig::START;
use serde_json::{Value, json};

const STREAM: &str = "/page/v1/sse";

async fn watch(node: &Node, query: &str, token: &str) -> Events {
    let bearer = format!("Bearer {token}");
    events(node.address, &format!("{STREAM}?{query}"), &[("authorization", &bearer)]).await
}

/// The data of the next event of this name.
async fn next_event(stream: &mut Events, name: &str) -> Value {
    loop {
        let event = stream.event().await;
        if event.contains(&format!("event: {name}\n")) {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            return serde_json::from_str(data.unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_room_shows_users_with_the_names_in_their_tokens() {
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    let mut stream = watch(&node, "topic=channel:general", &token("reader")).await;
    assert_eq!(stream.status, 200);
    let state = next_event(&mut stream, "presence_state").await;
    let shown = &state["users"]["alice"];
    assert_eq!((&shown["status"], &shown["meta"]["name"]), (&json!("online"), &json!("ALICE")));
    // Whoever only looks is not there.
    assert_eq!(state["users"].as_object().unwrap().len(), 1);
    let mut bob = node.connect("bob").await;
    assert_eq!(bob.enters("general").await, ["alice", "bob"]);
    alice.send_json(json!({"type": "status", "status": "busy"})).await;
    assert!(next_event(&mut stream, "presence_diff").await["joined"]["bob"].is_object());
    let changed = next_event(&mut stream, "presence_diff").await;
    assert_eq!(changed["changed"]["alice"]["status"], "busy", "{changed}");
}

#[tokio::test]
async fn it_is_for_the_rooms_of_the_token_and_for_nothing_else() {
    let node = Node::new().await;
    let only = token_until(json!({"sub": "a", "rooms": ["general"]}), START + 60);
    for (query, token, status) in [
        ("topic=channel:general", &only, 200),
        ("topic=dm:general", &only, 200),
        ("topic=channel:random", &only, 403),
        ("topic=channel:general&topic=channel:random", &only, 403),
        ("counts=channel:random", &only, 403),
        ("topic=elsewhere", &token("b"), 403),
        ("user=alice", &token("b"), 403),
        ("counts=", &token("b"), 403),
        ("", &token("b"), 403),
        ("", &admin(), 403),
        ("topic=channel:general", &"nonsense".to_owned(), 401),
    ] {
        assert_eq!(watch(&node, query, token).await.status, status, "{query}");
    }
    assert_eq!(events(node.address, &format!("{STREAM}?topic=channel:general"), &[]).await.status, 401);
    let public = Node::with(&["--rest-public"]).await;
    assert_eq!(events(public.address, &format!("{STREAM}?topic=channel:general"), &[]).await.status, 401);
}

#[tokio::test]
async fn it_ends_when_its_user_is_disconnected() {
    let node = Node::new().await;
    let mut stream = watch(&node, "topic=channel:general", &token("bob")).await;
    next_event(&mut stream, "presence_state").await;
    let reply = post(node.address, "/admin/disconnect/bob", &admin(), json!({"seconds": 60})).await;
    assert_eq!(reply.status, 202);
    while stream.next().await.is_some() {}
    assert_eq!(watch(&node, "topic=channel:general", &token("bob")).await.status, 403);
}

#[tokio::test]
async fn nothing_can_be_sent_there() {
    let node = Node::new().await;
    for (path, body) in [
        ("/page/v1/hit", json!({"kind": "enter", "topics": ["channel:general"], "meta": {"name": "root"}})),
        ("/page/v1/users/alice/disconnect", Value::Null),
    ] {
        assert_eq!(post(node.address, path, &admin(), body).await.status, 404, "{path}");
    }
    for path in ["/page/v1/ws", "/page/v1/list", "/page/v1/users/alice", "/page/v1/topics", "/page/v1/health"]
    {
        assert_eq!(get(node.address, path, &admin()).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_routes_and_figures_of_the_contract_are_as_they_were() {
    let node = Node::new().await;
    let _alice = node.connect("alice").await;
    let bearer = format!("Bearer {}", token("reader"));
    let body = json!({"topics": {"channel:general": null}}).to_string();
    let stream = events_of(node.address, "POST", STREAM, &[("authorization", &bearer)], body).await;
    assert_eq!(stream.status, 200);
    node.open(1).await;
    for name in ["presence.js", "page", "v1"] {
        let reply = node.get(&format!("/presence/{name}")).await;
        assert_eq!(reply.json(), json!({"user_id": name, "status": "offline", "last_seen": null}));
    }
}
