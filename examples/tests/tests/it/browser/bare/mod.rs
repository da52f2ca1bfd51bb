//! The least site that has presence: a page that takes its options from its address, and one
//! without the client.

use super::site::Site;
use super::tab::Tab;
use axum::extract::Query;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use jsonwebtoken::{EncodingKey, Header, encode};
use presence_axum::auth::Hs256;
use presence_axum::{Cors, Mount, Route};
use presence_core::{Policy, Presence};
use presence_memory::MemoryBroker;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

const SECRET: &str = "a secret of thirty-two bytes, and some more";

/// Windows that one does not have to wait for, and long enough for a machine that is busy.
pub fn policy() -> Policy {
    Policy::default()
        .active_for(Duration::from_secs(4))
        .lease_for(Duration::from_secs(10))
        .grace(Duration::from_secs(1))
}

pub async fn site() -> Site {
    Site::serving(policy(), app).await
}

fn mount(presence: Presence) -> Mount {
    Mount::new(presence).broker(MemoryBroker::new())
}

fn with_pages(mount: &Mount) -> Router {
    let script = ([(header::CONTENT_TYPE, "text/javascript")], include_str!("page.js"));
    Router::new()
        .route("/page", get(Html(include_str!("page.html"))))
        .route("/page.js", get(script))
        .route("/elsewhere", get(Html("<!doctype html><link rel=icon href='data:,'><p>Elsewhere")))
        .route("/prerenders", get(Html(include_str!("prerenders.html"))))
        .route("/token", get(token))
        .nest("/presence", mount.routes())
}

pub fn app(presence: Presence) -> Router {
    with_pages(&mount(presence))
}

/// The same without a socket.
pub fn without_socket(presence: Presence) -> Router {
    with_pages(&mount(presence).without(Route::Socket))
}

/// The same under the strictest policy that lets a page have scripts at all.
pub fn strict(presence: Presence) -> Router {
    app(presence).layer(middleware::map_response(async |mut response: Response| {
        let policy = HeaderValue::from_static("default-src 'self'; img-src data:");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }))
}

/// Pages of every origin may call.
pub fn open_to_all(presence: Presence) -> Router {
    with_pages(&mount(presence).cors(Cors::any()))
}

/// The same, with callers identified by token.
pub fn open_to_tokens(presence: Presence) -> Router {
    with_pages(&mount(presence).cors(Cors::any()).identify(Hs256::new(SECRET)))
}

/// A token of Grace's for so many seconds.
async fn token(Query(asked): Query<HashMap<String, u64>>) -> impl IntoResponse {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({"sub": "Grace", "iat": now, "exp": now + asked["for"]});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// The address of the page with these options.
pub fn at(site: &Site, options: &Value) -> String {
    site.url(&format!("/page?o={}", encoded(&options.to_string())))
}

/// As a part of an address.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02x}");
        encoded
    })
}

/// Opens the page with these options and waits until its user is listed in it.
pub async fn open(site: &Site, options: Value) -> Tab {
    let tab = Tab::open(&at(site, &options)).await;
    is_in(&tab).await;
    tab
}

/// Opens the page as this user.
pub async fn open_as(site: &Site, user: &str) -> Tab {
    open(site, json!({"user": user})).await
}

/// The same without a socket.
pub async fn open_over_http(site: &Site, user: &str) -> Tab {
    open(site, json!({"user": user, "transport": "http"})).await
}

/// Waits until the page's user is listed in it, and all is well.
pub async fn is_in(tab: &Tab) {
    tab.until("state() === 'live' && view.state === 'live' && view.members.has(presence.user)").await;
}

/// Asserts that these pages never saw a user leave.
pub async fn assert_no_user_left(tabs: &[&Tab]) {
    for tab in tabs {
        assert_eq!(tab.eval("gone.join()").await, "");
    }
}
