//! Attacks on an app with cookie sessions: all refused.

use super::{Browser, OWN, rig};
use crate::client::{events, send};
use crate::rig::Rig;
use std::time::Duration;

const FORBIDDEN: (u16, &str) = (403, r#"{"ok":false,"error":"forbidden"}"#);
const FOREIGN: (u16, &str) = (403, r#"{"ok":false,"error":"foreign origin"}"#);
const MISSING: (u16, &str) = (401, r#"{"ok":false,"error":"missing token"}"#);

/// All that may be asked for, and what needs no more than a session.
const PATHS: [&str; 9] = [
    "/presence/v1/users/1",
    "/presence/v1/users?ids=1",
    "/presence/v1/counts",
    "/presence/v1/counts?topic=lobby",
    "/presence/v1/list",
    "/presence/v1/topics",
    "/presence/v1/health",
    "/presence/v1/sse/snapshot",
    "/presence/v1/sse/diff",
];

fn online(rig: &Rig) -> u32 {
    rig.presence.everyone().counts().online
}

#[tokio::test]
async fn users_cannot_act_for_others() {
    let rig = rig().await;
    let (ada, bob) = (Browser::login(&rig, "Ada").await, Browser::login(&rig, "Bob").await);
    ada.hit(r#"{"kind":"enter","session":"tab"}"#).await;
    for body in [
        r#"{"user":"1","kind":"leave","now":true}"#,
        r#"{"user":1,"kind":"leave","session":"tab","now":true}"#,
        r#"{"user":"1","status":"offline"}"#,
        r#"{"user":"1","kind":"enter","session":"mine"}"#,
        r#"{"user":"2","user":"1","kind":"leave","session":"tab","now":true}"#,
        r#"{"user":"3"}"#,
        r#"{"user":"nobody"}"#,
    ] {
        assert_eq!(bob.hit(body).await.status_and_text(), FORBIDDEN, "{body}");
    }
    // The session of another user, by its own name, is not one of mine.
    bob.hit(r#"{"kind":"leave","session":"tab","now":true}"#).await;
    assert_eq!(ada.get("/presence/v1/users/1").await.json()["liveness"], "active");
    // A user in the query, the path or a header changes nothing of who hits.
    for path in ["/presence/v1/hit?user=1", "/presence/v1/hit?token=1"] {
        let headers = [OWN, ("x-user", "1"), ("x-forwarded-user", "1"), ("authorization", "Bearer 1")];
        let reply = bob.send("POST", path, &headers, r#"{"kind":"enter"}"#).await;
        assert_eq!(reply.json()["user"], "2", "{path}");
    }
    assert_eq!(bob.send("POST", "/presence/v1/hit/1", &[OWN], "{}").await.status, 404);
}

#[tokio::test]
async fn rooms_of_others_can_neither_be_entered_nor_seen() {
    let rig = rig().await;
    let bob = Browser::login(&rig, "Bob").await;
    for body in [
        r#"{"kind":"enter","topics":["team/engines"]}"#,
        r#"{"topics":["lobby","team/engines"]}"#,
        r#"{"kind":"enter","topics":["team/looms","team/"]}"#,
    ] {
        assert_eq!(bob.hit(body).await.status_and_text(), FORBIDDEN, "{body}");
    }
    for path in ["counts", "list", "sse/snapshot", "sse/diff"] {
        for topic in ["team/engines", "team%2Fengines", "%74eam/engines"] {
            let reply = bob.get(&format!("/presence/v1/{path}?topic={topic}")).await;
            assert_eq!(reply.status_and_text(), FORBIDDEN, "{path} {topic}");
        }
    }
    assert_eq!(online(&rig), 0);
}

#[tokio::test]
async fn without_a_known_session_nothing_is_shown() {
    let rig = rig().await;
    let ada = Browser::login(&rig, "Ada").await;
    ada.hit(r#"{"kind":"enter"}"#).await;
    let half = &ada.cookie[..ada.cookie.len() - 2];
    for cookie in ["", "session=", "session=1", "session=Ada", "other=1", half] {
        for path in PATHS {
            let reply = send(rig.address, "GET", path, &[("cookie", cookie), OWN], "").await;
            assert_eq!(reply.status_and_text(), MISSING, "{path} {cookie}");
        }
        let headers = [("cookie", cookie), OWN];
        let leave = r#"{"user":"1","kind":"leave","now":true}"#;
        let reply = send(rig.address, "POST", "/presence/v1/hit", &headers, leave).await;
        assert_eq!(reply.status_and_text(), MISSING, "{cookie}");
    }
    assert_eq!(online(&rig), 1);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_with_the_cookie_of_its_visitor() {
    let rig = rig().await;
    let ada = Browser::login(&rig, "Ada").await;
    ada.hit(r#"{"kind":"enter"}"#).await;
    let leave = r#"{"kind":"leave","now":true}"#;
    let evil = ("origin", "https://evil.example");
    for headers in [
        vec![evil],
        // As forms and beacons send it: no preflight asks first.
        vec![evil, ("content-type", "text/plain")],
        vec![evil, ("content-type", "application/x-www-form-urlencoded")],
        vec![evil, ("content-type", "multipart/form-data; boundary=x")],
        vec![evil, ("content-type", "application/json"), ("sec-fetch-site", "cross-site")],
        // From a frame without an origin, or a page that hides it.
        vec![("origin", "null")],
        vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "cross-site")],
        // A neighbour under the same domain.
        vec![("sec-fetch-site", "same-site"), ("origin", "http://evil.test")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "http://test.evil.example")],
        vec![("origin", "http://evil.example/test")],
        vec![("origin", "http://test:81")],
        vec![("origin", "http://user@test")],
        // Two, of which a proxy may have looked at the other.
        vec![("origin", "http://test"), evil],
        vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"), evil],
        // What names the host is no word of the browser's.
        vec![evil, ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")],
        vec![evil, ("referer", "http://test/")],
        // A browser always sends one of these headers.
        vec![],
    ] {
        let reply = ada.send("POST", "/presence/v1/hit", &headers, leave).await;
        assert_eq!(reply.status_and_text(), FOREIGN, "{headers:?}");
    }
    assert_eq!(online(&rig), 1);
    // What is no POST hits nothing.
    for method in ["GET", "PUT", "DELETE", "HEAD", "PATCH"] {
        assert_eq!(ada.send(method, "/presence/v1/hit", &[evil], leave).await.status, 405, "{method}");
    }
    let own = ada.send("POST", "/presence/v1/hit", &[("origin", "http://test")], leave).await;
    assert_eq!(own.status, 200);
    assert_eq!(online(&rig), 0);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_read_with_the_cookie_of_its_visitor() {
    let rig = rig().await;
    let ada = Browser::login(&rig, "Ada").await;
    for path in PATHS {
        let headers = [("cookie", ada.cookie.as_str()), ("origin", "https://evil.example")];
        let opened = events(rig.address, path, &headers).await;
        assert!(!opened.headers.contains_key("access-control-allow-origin"), "{path}");
        assert!(!opened.headers.contains_key("access-control-allow-credentials"), "{path}");
    }
}

#[tokio::test]
async fn a_stream_ends_after_a_logout_and_does_not_come_back() {
    let rig = rig().await;
    for path in ["/presence/v1/sse/snapshot", "/presence/v1/sse/diff"] {
        let (ada, bob) = (Browser::login(&rig, "Ada").await, Browser::login(&rig, "Bob").await);
        let (mut of_ada, mut of_bob) = (ada.events(path).await, bob.events(path).await);
        of_ada.event().await;
        of_bob.event().await;
        ada.logout().await;
        rig.clock.advance(Duration::from_secs(30)).await;
        let mut last = String::new();
        while let Some(event) = of_ada.next().await {
            last = event;
        }
        assert_eq!(last, "retry: 2000", "{path}");
        assert_eq!(ada.events(path).await.status, 401);
        assert_eq!(ada.hit("{}").await.status_and_text(), MISSING);
        bob.hit(r#"{"kind":"enter"}"#).await;
        rig.clock.advance(Duration::from_secs(2)).await;
        while !of_bob.event().await.contains('2') {}
    }
}
