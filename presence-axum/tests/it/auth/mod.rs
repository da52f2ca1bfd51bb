//! Authentication and authorization.

mod at_once;
mod attacks;
pub mod forge;
#[cfg(feature = "jwks")]
mod jwks;

use crate::log::Log;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path, State};
use axum::response::Response;
use axum::routing::get;
use forge::{SECRET, signed};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use presence_axum::auth::{Action, Auth, Hs256, Identity, Refused, Resource, Transport};
use presence_core::testing::ManualClock;
use presence_core::{Timestamp, UserId};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

const NOW: u64 = 1_710_000_000;

#[derive(Clone)]
struct Host(Auth);

impl FromRef<Host> for Auth {
    fn from_ref(host: &Host) -> Auth {
        host.0.clone()
    }
}

async fn whoever(identity: Identity) -> String {
    identity.subject().unwrap_or("nobody").to_owned()
}

async fn look(
    State(auth): State<Auth>,
    identity: Identity,
    Path(user): Path<String>,
) -> Result<String, Refused> {
    let user = UserId::new(user).unwrap();
    auth.permit(&identity, Action::Read, Resource::User(&user)).await?;
    Ok(format!("{user} is well"))
}

fn app(auth: Auth) -> Router {
    Router::new().route("/me", get(whoever)).route("/of/{user}", get(look)).with_state(Host(auth))
}

fn hs256() -> Hs256 {
    Hs256::new(SECRET)
        .issuer("https://id.example")
        .audience("presence")
        .leeway(Duration::from_secs(5))
        .clock(ManualClock::at(Timestamp::from_secs(NOW)))
}

/// Valid claims.
fn claims() -> Value {
    json!({ "sub": "ada", "exp": NOW + 60, "nbf": NOW, "iss": "https://id.example", "aud": "presence" })
}

/// The same, with one claim replaced.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

async fn ask(auth: &Auth, path: &str, headers: HeaderMap) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    let response: Response = app(auth.clone()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(text.to_vec()).unwrap())
}

async fn identify(auth: &Auth, headers: &HeaderMap) -> Result<Identity, Refused> {
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    parts.headers = headers.clone();
    auth.identify(&mut parts, Transport::Request).await
}

fn bearer(token: impl AsRef<[u8]>) -> HeaderMap {
    let value = [b"Bearer ", token.as_ref()].concat();
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_bytes(&value).unwrap())])
}

#[tokio::test]
async fn a_valid_token_identifies_its_user() {
    let auth = Auth::new(hs256());
    let (status, _, text) = ask(&auth, "/me", bearer(signed(&claims()))).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "ada"));
    // The name of the scheme is case-insensitive, and clocks may differ a little.
    let late = signed(&claims_but("exp", json!(NOW - 4)));
    let header = HeaderValue::try_from(format!("bEARER  {late} ")).unwrap();
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, header)]);
    assert_eq!(ask(&auth, "/me", headers).await.0, StatusCode::OK);
    let several = signed(&claims_but("aud", json!(["other", "presence"])));
    assert_eq!(ask(&auth, "/me", bearer(several)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_request_without_a_token_gets_a_challenge() {
    let (status, headers, text) = ask(&Auth::new(hs256()), "/me", HeaderMap::new()).await;
    assert_eq!((status, text.as_str()), (StatusCode::UNAUTHORIZED, r#"{"error":"missing token"}"#));
    assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn an_expired_token_is_reported_as_expired() {
    let token = signed(&claims_but("exp", json!(NOW - 5)));
    let (status, headers, text) = ask(&Auth::new(hs256()), "/me", bearer(token)).await;
    assert_eq!((status, text.as_str()), (StatusCode::UNAUTHORIZED, r#"{"error":"token expired"}"#));
    let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{challenge}");
}

#[tokio::test]
async fn the_host_decides_what_a_user_may_do() {
    let own = |who: &Identity, _: Action, on: Resource<'_>| matches!(on, Resource::User(user) if who.subject() == Some(user.as_str()));
    let auth = Auth::new(hs256()).authorize(own);
    let token = bearer(signed(&claims()));
    assert_eq!(ask(&auth, "/of/ada", token.clone()).await.2, "ada is well");
    let (status, headers, text) = ask(&auth, "/of/bob", token).await;
    assert_eq!((status, text.as_str()), (StatusCode::FORBIDDEN, r#"{"error":"forbidden"}"#));
    assert_eq!(headers[header::WWW_AUTHENTICATE], r#"Bearer error="insufficient_scope""#);
}

#[test]
fn no_debug_output_shows_a_secret_or_a_token() {
    let token = signed(&claims());
    let headers = bearer(&token);
    let credentials = presence_axum::auth::Credentials::of(&headers).unwrap();
    let auth = Auth::new(hs256());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let identity = runtime.block_on(identify(&auth, &headers)).unwrap();
    let printed = format!("{:?} {:#?} {auth:?} {credentials:?} {identity:?}", hs256(), hs256());
    for secret in [SECRET, &token, "presence-claims"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(identity.claim(&["iss"]), Some(&json!("https://id.example")));
    assert_eq!(identity.expires_at(), Some(Timestamp::from_secs(NOW + 60)));
}

#[test]
fn a_secret_that_can_be_guessed_is_accepted_with_a_warning() {
    let (log, _logs) = Log::everything();
    let secret = "a-secret-of-thirty-two-bytes-abc";
    let _ = Hs256::new(secret);
    assert_eq!(log.text(), "");
    let _ = Hs256::new(&secret[1..]);
    assert!(log.text().contains("shorter than 32 bytes"), "{}", log.text());
    assert!(!log.text().contains(&secret[1..]));
}
