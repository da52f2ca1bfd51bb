//! An app with users and cookie sessions of its own: what presence does in it, and what it refuses.

mod attacks;

use crate::client::{Events, Reply, events, send};
use crate::rig::Rig;
use presence_core::Policy;
use serde_json::json;
use with_users::app;

/// Somebody with a browser.
struct Browser<'a> {
    rig: &'a Rig,
    cookie: String,
}

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

async fn rig() -> Rig {
    Rig::serving(Policy::default(), app).await
}

impl<'a> Browser<'a> {
    async fn login(rig: &'a Rig, name: &str) -> Self {
        let login = json!({ "name": name, "password": name.to_lowercase() }).to_string();
        let headers = [("content-type", "application/json")];
        let reply = send(rig.address, "POST", "/login", &headers, login).await;
        assert_eq!(reply.status, 200);
        let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { rig, cookie }
    }

    async fn send(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Reply {
        let mut headers = vec![("cookie", self.cookie.as_str())];
        headers.extend_from_slice(more);
        send(self.rig.address, method, path, &headers, body.to_owned()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[OWN], "").await
    }

    async fn hit(&self, body: &str) -> Reply {
        self.send("POST", "/presence/v1/hit", &[OWN], body).await
    }

    async fn events(&self, path: &str) -> Events {
        events(self.rig.address, path, &[("cookie", &self.cookie), OWN]).await
    }

    async fn logout(&self) {
        assert_eq!(self.send("POST", "/logout", &[OWN], "").await.status, 204);
    }
}

#[test]
fn presence_takes_fifteen_lines_of_the_host() {
    let source = include_str!("../../../../with-users/src/lib.rs");
    let ours = source.split("// presence\n").nth(1).unwrap().split("// end of presence").next().unwrap();
    let lines = ours.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 15, "{lines}");
}

#[tokio::test]
async fn a_logged_in_user_enters_without_a_user_id() {
    let rig = rig().await;
    let ada = Browser::login(&rig, "Ada").await;
    let entered = ada.hit(r#"{"kind":"enter","topics":["lobby"]}"#).await;
    assert_eq!((entered.status, &entered.json()["user"]), (200, &json!("1")));
    assert_eq!(ada.hit(r#"{"user":1}"#).await.status, 200, "who names themselves is themselves");
    let bob = Browser::login(&rig, "Bob").await;
    let seen = bob.get("/presence/v1/list?topic=lobby").await.json();
    assert_eq!(seen["users"][0]["user"], "1");
    let mut stream = bob.events("/presence/v1/sse/snapshot?topic=lobby").await;
    assert_eq!(stream.data().await["active_users"], json!(["1"]));
}

#[tokio::test]
async fn a_team_enters_and_sees_its_own_room() {
    let rig = rig().await;
    let (ada, bob) = (Browser::login(&rig, "Ada").await, Browser::login(&rig, "Bob").await);
    assert_eq!(ada.hit(r#"{"kind":"enter","topics":["team/engines"]}"#).await.status, 200);
    assert_eq!(ada.get("/presence/v1/counts?topic=team/engines").await.json()["online"], 1);
    assert_eq!(bob.get("/presence/v1/counts?topic=team/engines").await.status, 403);
}

#[tokio::test]
async fn an_administrator_speaks_for_others() {
    let rig = rig().await;
    let (ada, carol) = (Browser::login(&rig, "Ada").await, Browser::login(&rig, "Carol").await);
    ada.hit(r#"{"kind":"enter"}"#).await;
    assert_eq!(carol.hit(r#"{"user":"1","kind":"leave","now":true}"#).await.status, 200);
    assert_eq!(ada.get("/presence/v1/users/1").await.json()["liveness"], "gone");
}

#[tokio::test]
async fn the_page_and_the_client_need_no_login() {
    let rig = rig().await;
    let page = rig.get("/").await;
    assert_eq!((page.status, page.header("cross-origin-opener-policy")), (200, Some("same-origin")));
    assert_eq!(rig.get("/presence/presence.js").await.status, 200);
}
