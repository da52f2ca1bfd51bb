//! Attacks on a mount that requires tokens: all are refused.

use super::{NOW, claims, hit, hs256, look, rig, token};
use crate::auth::forge::{base64url, signed, signed_with};
use crate::client::{Reply, send};
use crate::rig::Rig;
use serde_json::json;

const FORBIDDEN: (u16, &str) = (403, r#"{"ok":false,"error":"forbidden"}"#);

/// All routes except hits.
const PATHS: [&str; 11] = [
    "/v1/users/ada",
    "/v1/users?ids=ada",
    "/v1/counts",
    "/v1/counts?topic=a",
    "/v1/list",
    "/v1/topics",
    "/v1/health",
    "/v1/sse",
    "/v1/sse?topic=a",
    "/v1/sse/snapshot",
    "/v1/sse/diff",
];

/// The response of each route to these headers.
async fn everywhere(rig: &Rig, headers: &[(&str, &str)]) -> Vec<(String, Reply)> {
    let mut replies = Vec::new();
    for path in PATHS {
        replies.push((path.to_owned(), send(rig.address, "GET", path, headers, "").await));
    }
    for body in [r#"{"user":"ada","kind":"leave","now":true}"#, "{}", "not json", ""] {
        replies.push((format!("hit {body}"), send(rig.address, "POST", "/v1/hit", headers, body).await));
    }
    replies
}

#[tokio::test]
async fn users_cannot_act_for_another_user() {
    let rig = rig().await;
    hit(&rig, &token("ada"), r#"{"kind":"enter","session":"tab","status":"busy"}"#).await;
    for body in [
        r#"{"user":"ada","kind":"leave","now":true}"#,
        r#"{"user":"ada","session":"tab","kind":"leave","now":true}"#,
        r#"{"user":"ada","session":"tab","status":"offline"}"#,
        r#"{"user":"ada","kind":"enter","topics":["b"]}"#,
        r#"{"user":"Bob","kind":"enter"}"#,
        r#"{"user":"bob ","kind":"enter"}"#,
        r#"{"user":"bob","user":"ada","kind":"leave"}"#,
        r#"{"\u0075ser":"ada","kind":"leave"}"#,
    ] {
        assert_eq!(hit(&rig, &token("bob"), body).await.status_and_text(), FORBIDDEN, "{body}");
    }
    // A session of another user with the same id is not affected.
    assert_eq!(hit(&rig, &token("bob"), r#"{"session":"tab","kind":"leave","now":true}"#).await.status, 200);
    let ada = look(&rig, &token("bob"), "/v1/users/ada").await.json();
    assert_eq!((&ada["liveness"], &ada["status"]), (&json!("active"), &json!("busy")));
    assert_eq!(look(&rig, &token("bob"), "/v1/counts").await.json()["online"], 1);
}

#[tokio::test]
async fn without_a_token_every_route_is_refused() {
    let rig = rig().await;
    hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await;
    for headers in [
        vec![],
        vec![("authorization", "Basic YWRhOmFkYQ==")],
        vec![("cookie", "session=ada; token=ada")],
        vec![("x-user", "ada"), ("x-forwarded-user", "ada")],
    ] {
        for (path, reply) in everywhere(&rig, &headers).await {
            assert_eq!(
                reply.status_and_text(),
                (401, r#"{"ok":false,"error":"missing token"}"#),
                "{path} {headers:?}"
            );
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{path}");
        }
    }
    assert_eq!(look(&rig, &token("bob"), "/v1/counts").await.json()["online"], 1);
}

#[tokio::test]
async fn forged_tokens_are_refused_on_every_route() {
    let rig = rig().await;
    let good = token("ada");
    let unsigned = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(claims("ada").to_string()));
    let but = |name: &str, value| {
        let mut claims = claims("ada");
        claims[name] = value;
        signed(&claims)
    };
    for (what, token, message) in [
        ("forged", signed_with(&json!({ "alg": "HS256" }), &claims("ada"), "guessed"), "invalid token"),
        ("unsigned", unsigned, "invalid token"),
        ("cut", good[..good.len() - 3].to_owned(), "invalid token"),
        ("expired", but("exp", json!(NOW)), "token expired"),
        ("not yet valid", but("nbf", json!(NOW + 1)), "invalid token"),
        ("of another issuer", but("iss", json!("https://evil.example")), "invalid token"),
        ("for another audience", but("aud", json!("other")), "invalid token"),
        ("of nobody's id", but("sub", json!("a\nb")), "invalid token"),
        ("garbage", "garbage".to_owned(), "invalid token"),
        ("too long", "x".repeat(9_000), "invalid token"),
    ] {
        let bearer = format!("Bearer {token}");
        for (path, reply) in everywhere(&rig, &[("authorization", &bearer)]).await {
            let error = format!(r#"{{"ok":false,"error":"{message}"}}"#);
            assert_eq!(reply.status_and_text(), (401, error.as_str()), "{what}: {path}");
        }
    }
}

#[tokio::test]
async fn two_different_tokens_are_refused_and_a_token_in_the_query_is_not_a_header() {
    let rig = rig().await;
    let (ada, bob) = (token("ada"), token("bob"));
    let bearer = format!("Bearer {ada}");
    let header = [("authorization", bearer.as_str())];
    for stream in ["/v1/sse/snapshot", "/v1/sse/diff", "/v1/sse"] {
        for path in [
            format!("{stream}?token={bob}"),
            format!("{stream}?token={ada}&token={ada}"),
            format!("{stream}?token=garbage"),
        ] {
            assert_eq!(send(rig.address, "GET", &path, &header, "").await.status, 401, "{path}");
        }
        let both = crate::client::events(rig.address, &format!("{stream}?token={ada}"), &header).await;
        assert_eq!(both.status, 200, "the same token twice is one");
    }
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(send(rig.address, "GET", "/v1/counts", &twice, "").await.status, 401);
    // Routes other than streams take no token from the query: it would end up in logs.
    for path in PATHS.into_iter().filter(|path| !path.contains("/sse")) {
        let path = format!("{path}{}token={ada}", if path.contains('?') { '&' } else { '?' });
        assert_eq!(rig.get(&path).await.status, 401, "{path}");
    }
    let path = format!("/v1/hit?token={ada}");
    assert_eq!(send(rig.address, "POST", &path, &[], r#"{"user":"ada"}"#).await.status, 401);
    let offered = format!("bearer, {ada}");
    let reply = send(rig.address, "GET", "/v1/sse/diff", &[("sec-websocket-protocol", &offered)], "").await;
    assert_eq!(reply.status, 401, "a stream has no subprotocol");
}

#[tokio::test]
async fn the_caller_is_identified_before_the_body_is_read() {
    let rig = rig().await;
    let huge = "x".repeat(100_000);
    let reply = send(rig.address, "POST", "/v1/hit", &[], huge).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn requests_with_a_token_are_accepted_from_any_page() {
    // Such a header is set by code: no browser sends it by itself.
    let rig = Rig::with_clock(|mount, clock| mount.identify(hs256(clock))).await;
    let bearer = format!("Bearer {}", token("ada"));
    let headers = [("authorization", bearer.as_str()), ("origin", "https://app.example")];
    assert_eq!(send(rig.address, "POST", "/v1/hit", &headers, "{}").await.status, 200);
}
