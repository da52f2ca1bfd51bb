//! Which callers may watch a job, and which may publish updates.

use super::{Node, events_of, next_event, progress, update, updates_of};
use crate::client::{Reply, events, send};
use crate::rig::START;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "a secret of at least 32 bytes, please";
pub(super) const OWNED: [&str; 2] = ["--jwt-secret", SECRET];

/// A token with these claims that expires in an hour.
pub(super) fn token(claims: Value) -> String {
    let mut claims = claims;
    if claims.get("exp").is_none() {
        claims["exp"] = json!(START + 3_600);
    }
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub(super) fn of(subject: &str) -> String {
    token(json!({"sub": subject}))
}

async fn call(node: &Node, method: &str, path: &str, token: Option<&str>, body: &Value) -> Reply {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    send(node.address, method, path, &headers, body.to_string()).await
}

/// A job of this subject.
pub(super) async fn created(node: &Node, subject: &str) -> String {
    let body = json!({"topics": ["t"], "sources": ["s"]});
    let reply = call(node, "POST", "/api/v1/jobs", Some(&of(subject)), &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["jobId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_is_watched_and_asked_for_by_its_owner_alone() {
    let node = Node::with(&OWNED).await;
    let job = created(&node, "ada").await;
    for path in [format!("/api/v1/jobs/{job}"), events_of(&job)] {
        let forged = encode(
            &Header::default(),
            &json!({"sub": "ada", "exp": START + 60}),
            &EncodingKey::from_secret(b"x"),
        );
        for (token, said) in [
            (None, (401, r#"{"error":"missing token"}"#)),
            (Some(forged.unwrap()), (401, r#"{"error":"invalid token"}"#)),
            (Some(token(json!({"sub": "ada", "exp": START - 1}))), (401, r#"{"error":"token expired"}"#)),
            (Some(of("bob")), (403, r#"{"error":"forbidden"}"#)),
            (Some(token(json!({}))), (403, r#"{"error":"forbidden"}"#)),
        ] {
            let refused = call(&node, "GET", &path, token.as_deref(), &Value::Null).await;
            assert_eq!(refused.status_and_text(), said, "{path}");
        }
    }
    let path = format!("/api/v1/jobs/{job}");
    assert_eq!(call(&node, "GET", &path, Some(&of("ada")), &Value::Null).await.status, 200);
    // An EventSource cannot send headers.
    let mut stream = node.watch_with(&format!("{}?token={}", events_of(&job), of("ada")), &[]).await;
    assert_eq!(progress(&mut stream).await, 0);
    let bearer = format!("Bearer {}", of("ada"));
    next_event(&mut node.watch_with(&events_of(&job), &[("authorization", &bearer)]).await).await;
}

#[tokio::test]
async fn the_record_of_an_owner_is_shown_to_nobody() {
    let node = Node::with(&OWNED).await;
    let job = created(&node, "ada@example.org").await;
    let path = format!("{}?token={}", events_of(&job), of("ada@example.org"));
    let event = node.watch_with(&path, &[]).await.event().await;
    assert!(event.contains(&job) && !event.contains("ada"), "{event}");
}

#[tokio::test]
async fn a_token_may_name_the_jobs_that_its_subject_owns() {
    let node = Node::with(&[&OWNED[..], &["--internal-token", "i"]].concat()).await;
    let taken = call(&node, "POST", &updates_of("elsewhere"), Some("i"), &update("pending", 1)).await;
    assert_eq!(taken.status, 202);
    for (claims, status) in [
        (json!({"sub": "a", "jobId": "elsewhere"}), 200),
        (json!({"sub": "a", "jobs": ["x", "elsewhere"]}), 200),
        (json!({"sub": "a", "jobs": ["x"]}), 403),
        (json!({"sub": "a", "jobs": "elsewhere"}), 403),
        (json!({"sub": "elsewhere"}), 403),
    ] {
        let token = token(claims.clone());
        let reply = call(&node, "GET", "/api/v1/jobs/elsewhere", Some(&token), &Value::Null).await;
        assert_eq!(reply.status, status, "{claims}");
    }
}

#[tokio::test]
async fn with_owners_an_unknown_job_is_404_before_the_stream_starts() {
    let node = Node::with(&OWNED).await;
    let path = format!("{}?token={}", events_of("nobody"), of("ada"));
    let refused = events(node.address, &path, &[]).await;
    assert_eq!(
        (refused.status, &refused.headers["content-type"]),
        (404, &"application/json".parse().unwrap())
    );
}

#[tokio::test]
async fn creating_a_job_takes_a_token_that_names_somebody() {
    let node = Node::with(&OWNED).await;
    let body = json!({"topics": ["t"], "sources": ["s"]});
    for (token, status) in [(None, 401), (Some(token(json!({}))), 403), (Some(of("ada")), 201)] {
        let reply = call(&node, "POST", "/api/v1/jobs", token.as_deref(), &body).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let node = Node::with(&OWNED).await;
    let job = created(&node, "ada").await;
    let short = token(json!({"sub": "ada", "exp": START + 45}));
    let mut stream = node.watch_with(&format!("{}?token={short}", events_of(&job)), &[]).await;
    next_event(&mut stream).await;
    node.advance(Duration::from_secs(30)).await;
    assert_eq!(stream.event().await, ": ping");
    node.advance(Duration::from_secs(15)).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_owner_is_known_for_as_long_as_the_job_has_updates() {
    let retention = presence_core::broker::Retention::default().age(Duration::from_mins(10));
    let flags = [&OWNED[..], &["--job-retention", "600", "--internal-token", "i"]].concat();
    let node = Node::keeping(retention, &flags).await;
    let job = created(&node, "ada").await;
    for step in 1..=20 {
        node.advance(Duration::from_secs(100)).await;
        let taken = call(&node, "POST", &updates_of(&job), Some("i"), &update("processing", step)).await;
        assert_eq!(taken.status, 202);
    }
    let late = token(json!({"sub": "ada", "exp": START + 10_000}));
    let reply = call(&node, "GET", &format!("/api/v1/jobs/{job}"), Some(&late), &Value::Null).await;
    assert_eq!((reply.status, &reply.json()["progress"]), (200, &json!(20)));
}

#[tokio::test]
async fn updates_take_the_internal_token_or_that_of_an_administrator() {
    let update = update("processing", 1);
    let both = Node::with(&[&OWNED[..], &["--internal-token", "internal"]].concat()).await;
    for (token, status) in [
        (None, 401),
        (Some("interna".to_owned()), 401),
        (Some("internal".to_owned()), 202),
        (Some(of("ada")), 403),
        (Some(token(json!({"sub": "a", "admin": true}))), 202),
        (Some(token(json!({"sub": "a", "admin": "true"}))), 403),
        (Some(token(json!({"sub": "a", "roles": ["admin"]}))), 202),
        (Some(token(json!({"sub": "a", "realm_access": {"roles": ["admin"]}}))), 202),
    ] {
        let reply = call(&both, "POST", &updates_of("j"), token.as_deref(), &update).await;
        assert_eq!(reply.status, status, "{token:?}");
    }
    let internal = Node::with(&["--internal-token", "internal"]).await;
    for (token, status) in [(None, 401), (Some("other"), 401), (Some("internal"), 202)] {
        assert_eq!(
            call(&internal, "POST", &updates_of("j"), token, &update).await.status,
            status,
            "{token:?}"
        );
    }
    let users = Node::with(&OWNED).await;
    assert_eq!(call(&users, "POST", &updates_of("j"), None, &update).await.status, 401);
}

#[tokio::test]
async fn pushes_take_their_token() {
    let open = Node::new().await;
    assert_eq!(open.post("/pubsub/push", "{}").await.status, 400);
    let node = Node::with(&["--push-token", "p&=sh"]).await;
    for (query, status) in
        [("", 401), ("?token=p", 401), ("?token=p%26%3Dsh", 400), ("?token=p%26%3Dsh&token=x", 401)]
    {
        assert_eq!(node.post(&format!("/pubsub/push{query}"), "{}").await.status, status, "{query}");
    }
}
