//! active-idle: its contract, line by line.

mod hits;
mod stream;

use crate::client::{events, send};
use crate::rig::Rig;
use active_idle::{Settings, app, policy};
use clap::Parser;
use presence_axum::Cors;
use serde_json::{Value, json};

const FRAME: usize = 2 * 1024 * 1024;
const ORIGIN: &str = "https://solar-system-82998.bubbleapps.io";

async fn rig() -> Rig {
    Rig::serving(policy(), |presence| app(presence, ORIGIN.parse().unwrap(), FRAME)).await
}

/// A hit that must be taken.
async fn hit(rig: &Rig, uid: &str, last_activity: u64) {
    let body = json!({"uid": uid, "last_activity": last_activity}).to_string();
    assert_eq!(rig.hit(body).await.status_and_text(), (200, r#"{"ok":true}"#));
}

/// The first event of a new viewer.
async fn online(rig: &Rig) -> Value {
    rig.events("/sse/online").await.data().await
}

#[tokio::test]
async fn it_is_alive_and_ready() {
    let rig = rig().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.get(path).await.status_and_text(), (200, r#"{"ok":true}"#), "{path}");
    }
}

#[tokio::test]
async fn the_one_configured_origin_may_call_and_read_every_answer() {
    let rig = rig().await;
    let from = [("origin", ORIGIN), ("access-control-request-method", "POST")];
    for (method, path, body, status) in [
        ("OPTIONS", "/v1/hit", "", 204),
        ("OPTIONS", "/sse/online", "", 204),
        ("POST", "/v1/hit", "{}", 400),
        ("GET", "/v1/hit", "", 405),
        ("GET", "/healthz", "", 200),
        ("GET", "/nothing", "", 404),
    ] {
        let reply = send(rig.address, method, path, &from, body).await;
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!((reply.status, allowed), (status, Some(ORIGIN)), "{method} {path}");
    }
    let stream = events(rig.address, "/sse/online", &from).await;
    assert_eq!(stream.headers["access-control-allow-origin"], ORIGIN);
    let evil = send(rig.address, "OPTIONS", "/v1/hit", &[("origin", "https://evil.example")], "").await;
    assert_eq!(evil.header("access-control-allow-origin"), Some(ORIGIN));
}

#[tokio::test]
async fn the_page_and_its_script_are_served() {
    let rig = rig().await;
    let page = rig.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(rig.get("/presence.js").await.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[test]
fn settings_have_the_defaults_of_the_contract() {
    let settings = Settings::parse_from(["active-idle"]);
    assert_eq!((settings.port, settings.cors_allow_origin), (8080, ORIGIN.parse::<Cors>().unwrap()));
    assert!(Settings::try_parse_from(["active-idle", "--cors-allow-origin", "no origin"]).is_err());
}
