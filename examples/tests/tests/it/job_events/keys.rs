//! Tokens that are signed with published keys: Google's of a push, and an identity provider's
//! of a user.

use super::{Node, events_of, update, updates_of};
use crate::client::{events, send};
use crate::rig::START;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use presence_axum::serve::{Options, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Publishes its key, and signs.
struct Provider {
    key: EcdsaKeyPair,
    url: String,
}

impl Provider {
    async fn start() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "kid": "k", "x": x, "y": y}]});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let app = Router::new().route("/keys", get(move || async move { Json(keys) }));
        tokio::spawn(serve(listener, app, Options::default(), std::future::pending()));
        Self { key, url }
    }

    /// A token with these claims that expires in an hour.
    fn token(&self, mut claims: Value) -> String {
        claims["exp"] = json!(START + 3_600);
        let encoded = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", encoded(json!({"alg": "ES256", "kid": "k"})), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn push(node: &Node, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    send(node.address, "POST", "/pubsub/push", &[("authorization", &bearer)], "{}").await.status
}

#[tokio::test]
async fn pushes_take_googles_token_for_this_audience_and_account() {
    let google = Provider::start().await;
    let flags = ["--push-audience", "us", "--push-jwks-url", &google.url];
    let any = Node::with(&flags).await;
    let account = ["--push-service-account", "push@p.iam.gserviceaccount.com"];
    let node = Node::with(&[&flags[..], &account].concat()).await;
    let claims = json!({"iss": "https://accounts.google.com", "aud": "us", "email_verified": true,
        "email": "push@p.iam.gserviceaccount.com"});
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        google.token(claims)
    };
    // The response to an empty envelope is 400: the token was accepted.
    assert_eq!(
        (push(&any, &google.token(claims.clone())).await, push(&node, &google.token(claims.clone())).await),
        (400, 400)
    );
    assert_eq!(push(&node, &with("aud", json!("them"))).await, 401);
    assert_eq!(push(&node, &with("email", json!("other@p.iam.gserviceaccount.com"))).await, 403);
    assert_eq!(push(&node, &with("email_verified", json!(false))).await, 403);
    assert_eq!(push(&node, "no token").await, 401);
    assert_eq!(node.post("/pubsub/push", "{}").await.status, 401);
    let other = Provider::start().await;
    assert_eq!(push(&node, &other.token(claims.clone())).await, 401);
}

#[tokio::test]
async fn users_are_known_by_published_keys() {
    let provider = Provider::start().await;
    let node = Node::with(&["--jwks-url", &provider.url]).await;
    let admin = format!("Bearer {}", provider.token(json!({"sub": "root", "roles": ["admin"]})));
    let body = update("processing", 1).to_string();
    let reply = send(node.address, "POST", &updates_of("j"), &[("authorization", &admin)], body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    for (claims, status) in [(json!({"sub": "a", "jobId": "j"}), 200), (json!({"sub": "a"}), 403)] {
        let path = format!("{}?token={}", events_of("j"), provider.token(claims));
        assert_eq!(events(node.address, &path, &[]).await.status, status);
    }
}

#[tokio::test]
async fn keys_without_an_audience_are_refused_at_the_start() {
    let settings = super::settings(&["--push-jwks-url", "https://keys.example/"]);
    let refused = job_events::Access::of(&settings.tokens, crate::rig::clock());
    assert!(refused.err().unwrap().contains("PUSH_AUDIENCE"));
}
