//! Tokens and cookies are in no log, error or `Debug`.

use super::{claims, hs256, token};
use crate::auth::forge::{SECRET, signed, signed_with};
use crate::client::{events, send};
use crate::log::Log;
use crate::rig::Rig;
use http::request::Parts;
use presence_axum::Route;
use presence_axum::auth::{Auth, Credentials, Identity, Refused, Tokens, from_fn};
use presence_core::UserId;
use serde_json::json;
use std::fmt::Write;

/// All routes of a mount.
fn all() -> Vec<(&'static str, String)> {
    let paths = Route::ALL.iter().map(|route| ("GET", route.path().replace("{user}", "ada")));
    let posts = [("POST", "/v1/hit".to_owned()), ("POST", "/v1/sse".to_owned())];
    let odd =
        [("GET", "/v1/none".to_owned()), ("PUT", "/v1/hit".to_owned()), ("OPTIONS", "/v1/hit".to_owned())];
    paths.chain(posts).chain(odd).collect()
}

/// Sends this to all routes, in every place that may hold a token, and collects all responses.
async fn text_of(rig: &Rig, secret: &str) -> String {
    let mut text = String::new();
    let (bearer, cookie, offered) =
        (format!("Bearer {secret}"), format!("session={secret}"), format!("bearer, {secret}"));
    let places = [
        (vec![("authorization", bearer.as_str())], ""),
        (vec![("cookie", cookie.as_str()), ("origin", "http://test")], ""),
        (vec![("sec-websocket-protocol", offered.as_str())], ""),
        (vec![], secret),
    ];
    for (headers, query) in &places {
        for (method, path) in all() {
            let path = if query.is_empty() { path } else { format!("{path}?token={query}") };
            if method == "GET" && path.contains("/sse") {
                let mut stream = events(rig.address, &path, headers).await;
                write!(text, "{:?} ", stream.headers).unwrap();
                if stream.status == 200 {
                    text += &stream.event().await;
                }
                continue;
            }
            let body = if path.contains("sse") { r#"{"topics":"none"}"# } else { r#"{"kind":"enter"}"# };
            let body = if method == "POST" { body } else { "" };
            let reply = send(rig.address, method, &path, headers, body).await;
            write!(text, "{:?} {} ", reply.headers, reply.text).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn no_token_appears_in_a_log_or_a_response() {
    let (log, _logs) = Log::everything();
    let rig = super::rig().await;
    let mut expired = claims("ada");
    expired["exp"] = json!(1);
    let mut shown = String::new();
    let tokens = [
        token("ada"),
        signed(&expired),
        signed_with(&json!({ "alg": "HS256" }), &claims("ada"), "guessed"),
        "garbage-that-is-no-token".to_owned(),
    ];
    for token in &tokens {
        shown += &text_of(&rig, token).await;
    }
    shown += &log.text();
    assert!(shown.contains("a token was refused"), "{shown}");
    assert!(log.text().contains("TRACE") || log.text().contains("DEBUG"));
    for token in &tokens {
        for part in token.split('.') {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
    }
    assert!(!shown.contains(SECRET));
}

#[tokio::test]
async fn no_cookie_appears_in_a_log_or_a_response() {
    let (log, _logs) = Log::everything();
    let by_cookie = from_fn(|parts: &Parts| {
        let cookie = parts.headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        match cookie {
            Some("session=a-good-session") => Ok(Identity::from_host(UserId::new("ada")?)),
            _ => Err(Refused::Missing),
        }
    });
    let rig = Rig::with(|mount| mount.identify(by_cookie)).await;
    let mut shown = String::new();
    for session in ["a-good-session", "a-bad-session"] {
        shown += &text_of(&rig, session).await;
    }
    shown += &log.text();
    assert!(shown.contains(r#""user":"ada""#), "the good one is good: {shown}");
    for session in ["a-good-session", "a-bad-session"] {
        assert!(!shown.contains(session), "{shown}");
    }
}

#[tokio::test]
async fn no_debug_output_shows_a_token() {
    let rig = super::rig().await;
    let token = token("ada");
    let credentials = Credentials::new(token.as_str()).unwrap();
    let tokens = hs256(&rig.clock);
    let auth = Auth::new(Tokens::new(hs256(&rig.clock)));
    let identity = auth.identify_token(&token).await.unwrap();
    let wrong = auth.identify_token(&format!("{token}x")).await.unwrap_err();
    let long = auth.identify_token(&token.repeat(100)).await.unwrap_err();
    let printed = format!(
        "{credentials:?} {tokens:?} {auth:?} {identity:?} {wrong:?} {wrong} {long:?} {:?}",
        Tokens::new(hs256(&rig.clock)).parameter(Some("t"))
    );
    for part in token.split('.').chain([SECRET, "id.example/secret"]) {
        assert!(!printed.contains(part), "{printed}");
    }
}
