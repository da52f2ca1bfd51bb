//! Which clients may connect, and until when.

use super::{Node, SECRET, admin, connected, token, token_until};
use crate::rig::START;
use crate::ws::connect_with;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

#[tokio::test]
async fn a_token_comes_by_query_header_or_subprotocol() {
    let node = Node::new().await;
    let token = token("alice");
    let (bearer, offered) = (format!("Bearer {token}"), format!("bearer, {token}"));
    for (path, headers) in [
        (format!("/ws?token={token}"), vec![]),
        ("/ws".to_owned(), vec![("authorization", bearer.as_str())]),
        ("/ws".to_owned(), vec![("sec-websocket-protocol", offered.as_str())]),
    ] {
        let mut client = connect_with(node.address, &path, &headers).await.ok().unwrap();
        client.send_json(json!({"type": "ping"})).await;
        assert_eq!(client.next().await["type"], "pong");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_with_401() {
    let node = Node::with(&["--jwt-issuer", "us", "--keycloak-client-id", "chat"]).await;
    let good = json!({"sub": "alice", "iss": "us", "azp": "chat"});
    let with = |name: &str, value| {
        let mut claims = good.clone();
        claims[name] = value;
        token_until(claims, START + 60)
    };
    let other_key = |algorithm| {
        let mut claims = good.clone();
        claims["exp"] = json!(START + 60);
        let key = if algorithm == Algorithm::HS256 { "another secret of 32 bytes or more" } else { SECRET };
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    };
    for (bad, why) in [
        (String::new(), "none"),
        ("nonsense".to_owned(), "no token"),
        (token_until(good.clone(), START), "expired"),
        (with("nbf", json!(START + 30)), "not valid yet"),
        (with("iss", json!("them")), "another issuer"),
        (with("azp", json!("other")), "another client"),
        (with("sub", json!(null)), "no subject"),
        (with("sub", json!("")), "an empty subject"),
        (other_key(Algorithm::HS256), "another secret"),
        (other_key(Algorithm::HS384), "another algorithm"),
    ] {
        let refused = connect_with(node.address, &format!("/ws?token={bad}"), &[]).await.err();
        assert_eq!(refused, Some(401), "{why}");
    }
    assert_eq!(connect_with(node.address, "/ws", &[]).await.err(), Some(401));
    for claims in [good.clone(), json!({"sub": "a", "iss": "us", "aud": ["x", "chat"], "azp": "y"})] {
        drop(connected(node.address, &token_until(claims, START + 60)).await);
    }
}

#[tokio::test]
async fn pages_of_foreign_origins_are_refused_with_403() {
    let node = Node::new().await;
    let listing = Node::with(&["--cors-origins", "https://app.example"]).await;
    let open = Node::with(&["--cors-origins", "*"]).await;
    let path = format!("/ws?token={}", token("alice"));
    let own = |node: &Node| format!("http://{}", node.address);
    for (node, origin, refused) in [
        (&node, own(&node), None),
        (&node, "https://app.example".to_owned(), Some(403)),
        (&listing, "https://app.example".to_owned(), None),
        (&listing, own(&listing), None),
        (&listing, "https://evil.example".to_owned(), Some(403)),
        (&open, "https://evil.example".to_owned(), None),
    ] {
        let answer = connect_with(node.address, &path, &[("origin", &origin)]).await;
        assert_eq!(answer.err(), refused, "{origin}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_a_newer_one_is_shown() {
    let node = Node::new().await;
    let until = |user: &str, seconds| token_until(json!({"sub": user}), START + seconds);
    let (mut ends, mut goes_on) =
        (connected(node.address, &until("a", 30)).await, connected(node.address, &until("b", 30)).await);
    goes_on.send_json(json!({"type": "auth", "token": until("a", 90)})).await;
    let error = goes_on.next().await;
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(403)), "another user's");
    goes_on.send_json(json!({"type": "auth", "token": "nonsense"})).await;
    assert_eq!(goes_on.next().await["code"], 401);
    goes_on.send_json(json!({"type": "auth", "token": until("b", 90)})).await;
    goes_on.send_json(json!({"type": "ping"})).await;
    assert_eq!(goes_on.next().await["type"], "pong", "and nothing is said");
    node.advance(30).await;
    assert_eq!(ends.closed().await, 4401);
    goes_on.send_json(json!({"type": "ping"})).await;
    assert_eq!(goes_on.next().await["type"], "pong");
    node.advance(59).await;
    goes_on.send_json(json!({"type": "ping"})).await;
    node.advance(1).await;
    assert_eq!(goes_on.closed().await, 4401);
}

#[tokio::test]
async fn a_newer_token_brings_its_name() {
    let node = Node::new().await;
    let mut bob = node.connect("bob").await;
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    bob.enters("general").await;
    alice.of("presence").await;
    let renamed = json!({"sub": "bob", "preferred_username": "Robert"});
    bob.send_json(json!({"type": "auth", "token": token_until(renamed, START + 60)})).await;
    let change = alice.of("presence").await;
    assert_eq!((&change["username"], &change["status"]), (&json!("Robert"), &json!("online")));
}

#[tokio::test]
async fn an_ordinary_request_to_the_socket_route_gets_an_upgrade_error() {
    let node = Node::new().await;
    assert_eq!(node.get("/ws").await.status, 426);
    drop(connected(node.address, &admin()).await);
}

#[tokio::test]
async fn no_token_is_ever_logged() {
    let (log, _gathers) = crate::log::Log::everything();
    let node = Node::new().await;
    let (good, newer) = (token("alice"), token_until(json!({"sub": "alice"}), START + 60));
    let bad = format!("{}x", token("mallory"));
    let mut client = connected(node.address, &good).await;
    client.send_json(json!({"type": "auth", "token": newer})).await;
    client.send_json(json!({"type": "auth", "token": bad})).await;
    assert_eq!(client.next().await["code"], 401);
    for path in ["/ws?token=", "/presence?token=", "/nowhere?token="] {
        let _ = connect_with(node.address, &format!("{path}{bad}"), &[]).await;
    }
    super::get(node.address, "/presence", &good).await;
    drop(client);
    node.open(0).await;
    crate::client::soon(async {
        while !log.text().contains("closed") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let text = log.text();
    for token in [&good, &newer, &bad] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!text.contains(signature), "{text}");
    }
}
