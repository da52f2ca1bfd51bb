//! Tokens of Keycloak.

use super::Node;
use crate::rig::START;
use crate::ws::connect_with;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use presence_axum::serve::{Options, serve};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Publishes its keys as Keycloak does, and signs.
struct Keycloak {
    url: String,
    published: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
    serves: Option<DropGuard>,
}

struct Key {
    pair: EcdsaKeyPair,
    id: &'static str,
}

impl Keycloak {
    async fn start() -> Self {
        let published: Arc<Mutex<Vec<Value>>> = Arc::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (keys, count) = (Arc::clone(&published), Arc::clone(&asked));
        let certs = move || async move {
            count.fetch_add(1, Relaxed);
            Json(json!({"keys": *keys.lock()}))
        };
        let app = Router::new().route("/realms/chat/protocol/openid-connect/certs", get(certs));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        Self { url, published, asked, serves: Some(stop.drop_guard()) }
    }

    fn publish(&self, id: &'static str) -> Key {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        self.published.lock().push(
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y}),
        );
        Key { pair, id }
    }

    /// A token of this realm, with these claims added to those of Keycloak.
    fn token(&self, key: &Key, more: &Value) -> String {
        let mut claims = json!({"sub": "alice", "iss": format!("{}/realms/chat", self.url), "azp": "chat-api",
            "exp": START + 3_600});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let encoded = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", encoded(json!({"alg": "ES256", "kid": key.id})), encoded(claims));
        let signature = key.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test]
async fn tokens_of_the_realm_and_the_client_are_taken_with_keys_that_come_and_go() {
    let mut keycloak = Keycloak::start().await;
    let first = keycloak.publish("first");
    let flags = [
        "--keycloak-url",
        &keycloak.url.clone(),
        "--keycloak-realm",
        "chat",
        "--keycloak-client-id",
        "chat-api",
    ];
    let node = Node::with(&flags).await;
    let address = node.address;
    let shows =
        |token: String| async move { connect_with(address, &format!("/ws?token={token}"), &[]).await.err() };
    assert_eq!(shows(keycloak.token(&first, &json!({}))).await, None);
    assert_eq!(
        shows(keycloak.token(&first, &json!({"azp": "web", "aud": ["account", "chat-api"]}))).await,
        None
    );
    for wrong in [json!({"azp": "web"}), json!({"iss": "http://other/realms/chat"}), json!({"exp": START})] {
        assert_eq!(shows(keycloak.token(&first, &wrong)).await, Some(401), "{wrong}");
    }
    // A new key counts within 30 s; ids that are made up cost Keycloak little.
    let second = keycloak.publish("second");
    node.advance(11).await;
    assert_eq!(shows(keycloak.token(&second, &json!({}))).await, None);
    let asked = keycloak.asked.load(Relaxed);
    let made_up = Key { id: "made up", ..keycloak_key() };
    for _ in 0..20 {
        assert_eq!(shows(keycloak.token(&made_up, &json!({}))).await, Some(401));
    }
    assert!(keycloak.asked.load(Relaxed) <= asked + 1);
    // Known keys go on while Keycloak is down.
    keycloak.serves = None;
    node.advance(600).await;
    assert_eq!(shows(keycloak.token(&second, &json!({"sub": "bob"}))).await, None);
    assert_eq!(shows(keycloak.token(&first, &json!({"sub": "bob"}))).await, None);
}

fn keycloak_key() -> Key {
    Key { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), id: "" }
}
