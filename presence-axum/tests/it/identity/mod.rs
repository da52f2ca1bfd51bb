//! Tokens on a mount: what callers may do, and what is refused.

mod attacks;
mod kick;
mod silence;
mod streams;

use crate::auth::forge::{SECRET, signed};
use crate::client::{Events, Reply, answer, events, request, send};
use crate::rig::{Rig, START};
use axum::routing::get;
use http::request::Parts;
use presence_axum::auth::{Action, Hs256, Identity, Refused, Resource, from_fn};
use presence_axum::{Mount, Route};
use presence_core::UserId;
use presence_core::testing::ManualClock;
use serde_json::{Value, json};

const NOW: u64 = START.as_millis() / 1000;

fn hs256(clock: &ManualClock) -> Hs256 {
    Hs256::new(SECRET).issuer("https://id.example").audience("presence").clock(clock.clone())
}

fn claims(user: &str) -> Value {
    json!({ "sub": user, "exp": NOW + 600, "iss": "https://id.example", "aud": "presence" })
}

fn token(user: &str) -> String {
    signed(&claims(user))
}

fn admin() -> String {
    let mut claims = claims("root");
    claims["admin"] = json!(true);
    signed(&claims)
}

/// A mount that requires tokens.
async fn rig() -> Rig {
    Rig::with_clock(|mount, clock| mount.identify(hs256(clock))).await
}

async fn ask(rig: &Rig, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    send(rig.address, method, path, &[("authorization", &bearer)], body.to_owned()).await
}

async fn hit(rig: &Rig, token: &str, body: &str) -> Reply {
    ask(rig, "POST", "/v1/hit", token, body).await
}

async fn look(rig: &Rig, token: &str, path: &str) -> Reply {
    ask(rig, "GET", path, token, "").await
}

async fn watch(rig: &Rig, token: &str, path: &str) -> Events {
    let bearer = format!("Bearer {token}");
    events(rig.address, path, &[("authorization", &bearer)]).await
}

#[tokio::test]
async fn a_hit_without_a_user_is_the_callers() {
    let rig = rig().await;
    let entered = hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await;
    let expected = r#"{"ok":true,"placed_at":1710000000000,"user":"ada","active_for":300000,"lease_for":60000,"ws":true}"#;
    assert_eq!(entered.status_and_text(), (200, expected));
    assert_eq!(hit(&rig, &token("ada"), r#"{"user":"ada"}"#).await.status, 200);
    assert_eq!(look(&rig, &token("bob"), "/v1/users/ada").await.json()["liveness"], "active");
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"leave","now":true}"#).await.status, 200);
    assert_eq!(look(&rig, &token("bob"), "/v1/counts").await.json()["online"], 0);
}

#[tokio::test]
async fn administrators_may_speak_for_others_and_services_without_a_subject_may_not() {
    let rig = rig().await;
    assert_eq!(hit(&rig, &admin(), r#"{"user":"ada","kind":"enter"}"#).await.json()["user"], "ada");
    let mut service = claims("x");
    service.as_object_mut().unwrap().remove("sub");
    let service = signed(&service);
    assert_eq!(hit(&rig, &service, r#"{"user":"ada"}"#).await.status, 403);
    assert_eq!(hit(&rig, &service, "{}").await.status_and_text(), (400, r#"{"ok":false,"error":"no user"}"#));
    assert_eq!(look(&rig, &service, "/v1/counts").await.status, 200);
}

#[tokio::test]
async fn authorize_is_called_for_every_action_with_its_resource() {
    let rig = Rig::with_clock(|mount, clock| {
        mount.identify(hs256(clock)).authorize(|who: &Identity, action: Action, on: Resource<'_>| {
            let wants = match on {
                Resource::User(user) => format!("{action:?} user {user}"),
                Resource::Topic(topic) => format!("{action:?} topic {topic}"),
                Resource::Everyone => format!("{action:?} everyone"),
                _ => return false,
            };
            who.claim(&["may"]).and_then(Value::as_array).is_some_and(|may| may.contains(&json!(wants)))
        })
    })
    .await;
    let may = |rights: &[&str]| {
        let mut claims = claims("ada");
        claims["may"] = json!(rights);
        signed(&claims)
    };
    for (method, path, body, right) in [
        ("POST", "/v1/hit", "{}", "Speak user ada"),
        ("POST", "/v1/hit", r#"{"kind":"leave"}"#, "Speak user ada"),
        ("POST", "/v1/hit", r#"{"user":"bob"}"#, "SpeakFor user bob"),
        ("GET", "/v1/users/bob", "", "Read user bob"),
        ("GET", "/v1/users?ids=bob", "", "Read user bob"),
        ("GET", "/v1/counts", "", "Read everyone"),
        ("GET", "/v1/counts?topic=a", "", "Read topic a"),
        ("GET", "/v1/list", "", "Read everyone"),
        ("GET", "/v1/list?topic=a", "", "Read topic a"),
        ("GET", "/v1/topics", "", "Read everyone"),
        ("GET", "/v1/health", "", "Read everyone"),
        ("GET", "/v1/sse/snapshot", "", "Watch everyone"),
        ("GET", "/v1/sse/snapshot?topic=a", "", "Watch topic a"),
        ("GET", "/v1/sse/diff?topic=a", "", "Watch topic a"),
        ("GET", "/v1/sse", "", "Watch everyone"),
        ("GET", "/v1/sse?topic=a", "", "Watch topic a"),
        ("GET", "/v1/sse?user=bob", "", "Watch user bob"),
        ("GET", "/v1/sse?counts=a", "", "Watch topic a"),
        ("POST", "/v1/sse", r#"{"topics":{"a":null}}"#, "Watch topic a"),
    ] {
        let none = ask(&rig, method, path, &may(&["Read", "Speak user bob", "Watch topic b"]), body).await;
        assert_eq!(none.status, 403, "{method} {path} {body}");
        let bearer = format!("Bearer {}", may(&[right]));
        let request = request(method, path, &[("authorization", &bearer)], body);
        let status = answer(rig.address, request).await.status();
        assert_eq!(status, 200, "{method} {path} {body}");
    }
    let body = r#"{"kind":"enter","topics":["a","b"]}"#;
    assert_eq!(hit(&rig, &may(&["Speak user ada", "Enter topic a"]), body).await.status, 403);
    assert_eq!(
        hit(&rig, &may(&["Speak user ada", "Enter topic a", "Enter topic b"]), body).await.status,
        200
    );
}

#[tokio::test]
async fn a_proxy_may_identify_the_caller() {
    let by_proxy = from_fn(|parts: &Parts| {
        let user = parts.headers.get("x-user").and_then(|name| name.to_str().ok()).ok_or(Refused::Missing)?;
        Ok(Identity::from_host(UserId::new(user)?))
    });
    let rig = Rig::with(|mount| mount.identify(by_proxy)).await;
    let headers = [("x-user", "ada"), ("origin", "http://test")];
    let entered = send(rig.address, "POST", "/v1/hit", &headers, r#"{"kind":"enter"}"#).await;
    assert_eq!(entered.json()["user"], "ada");
    let nobody = [("x-user", ""), ("origin", "http://test")];
    assert_eq!(send(rig.address, "POST", "/v1/hit", &nobody, "{}").await.status, 401);
}

#[tokio::test]
async fn guests_may_read_but_not_send_hits() {
    let guests = from_fn(|_: &Parts| Ok(Identity::anonymous()));
    let rig = Rig::with(|mount| mount.identify(guests)).await;
    assert_eq!(rig.get("/v1/counts").await.status, 200);
    let own = [("origin", "http://test")];
    for body in [r#"{"user":"ada"}"#, r#"{"user":"ada","kind":"leave"}"#] {
        assert_eq!(send(rig.address, "POST", "/v1/hit", &own, body).await.status, 403, "{body}");
    }
}

#[tokio::test]
async fn a_mount_that_does_not_identify_callers_logs_it_once() {
    let (log, _logs) = crate::log::Log::everything();
    let rig = Rig::serving(|presence| {
        let mount = Mount::new(presence);
        axum::Router::new().nest("/a", mount.routes()).nest("/b", mount.clone().routes())
    })
    .await;
    let warnings = |log: &crate::log::Log| log.text().matches("callers are not identified").count();
    assert_eq!(warnings(&log), 1);
    drop(rig);
    let (log, _logs) = crate::log::Log::everything();
    let _rig = self::rig().await;
    assert_eq!(warnings(&log), 0);
}

#[tokio::test]
async fn one_route_can_be_replaced_and_another_moved() {
    let rig = Rig::serving(|presence| {
        let mount = Mount::new(presence).without(Route::Hit).without(Route::Counts);
        mount
            .routes()
            .route("/v1/hit", get(|| async { "mine" }))
            .route("/here", mount.route(Route::Hit))
            .route("/who/{id}", mount.route(Route::User))
    })
    .await;
    assert_eq!(rig.get("/v1/hit").await.text, "mine");
    assert_eq!(rig.get("/v1/counts").await.status, 404);
    let here = send(rig.address, "POST", "/here", &[], r#"{"user":"ada","kind":"enter"}"#).await;
    assert_eq!(here.status, 200);
    assert_eq!(rig.get("/who/ada").await.json()["liveness"], "active");
    let wrong = rig.get("/here").await;
    assert_eq!(wrong.status_and_text(), (405, r#"{"ok":false,"error":"method not allowed"}"#));
    assert_eq!(wrong.header("allow"), Some("POST"));
}

#[tokio::test]
async fn every_route_can_be_taken_alone_and_all_of_them_left_out() {
    let rig = Rig::serving(|presence| {
        let mount = Mount::new(presence);
        let none = Route::ALL.into_iter().fold(mount.clone(), Mount::without);
        let alone = Route::ALL
            .into_iter()
            .fold(none.routes(), |router, route| router.route(route.path(), mount.route(route)));
        axum::Router::new().nest("/alone", alone)
    })
    .await;
    assert_eq!(rig.get("/alone/v1/counts").await.status, 200);
    assert_eq!(rig.get("/alone/presence.js").await.status, 200);
}

#[tokio::test]
async fn only_the_routes_that_are_named_are_served() {
    let rig =
        Rig::serving(|presence| Mount::new(presence).only([Route::Client, Route::Counts]).routes()).await;
    assert_eq!(rig.get("/v1/counts").await.status, 200);
    assert_eq!(rig.get("/presence.js").await.status, 200);
    for route in Route::ALL.into_iter().filter(|route| ![Route::Client, Route::Counts].contains(route)) {
        assert_eq!(rig.get(route.path()).await.status, 404, "{route:?}");
    }
}
