//! The demo: a smoke test.

use crate::rig::Rig;
use live::{app, policy};
use serde_json::json;

#[tokio::test]
async fn the_demo_shows_a_page_and_its_users() {
    let rig = Rig::serving(policy(), app).await;
    let page = rig.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
    // The other person's page is framed by this one, and by no other site's.
    for only in ["frame-src 'self';", "frame-ancestors 'self'"] {
        assert!(policy.contains(only), "{policy}");
    }
    // The page links to the source, and the README has the link.
    assert!(page.text.contains("https://github.com/presence-rs/presence"));
    assert!(include_str!("../../../../README.md").contains("(examples/live/picture.png)"));
    assert!(include_bytes!("../../../live/picture.png").starts_with(b"\x89PNG"));
    assert!(page.text.contains("<title>"));
    assert_eq!(rig.get("/presence.js").await.header("content-type"), Some("text/javascript; charset=utf-8"));

    assert_eq!(
        rig.hit(r#"{"user":"ann","session":"tab-1","kind":"enter","topics":["/"]}"#).await.status,
        200
    );
    assert_eq!(rig.events("/v1/sse/snapshot?topic=/").await.data().await["active_users"], json!(["ann"]));
    rig.advance(10).await;
    assert_eq!(rig.hit(r#"{"user":"ann","session":"tab-1"}"#).await.status, 200);
    rig.advance(5).await;
    assert_eq!(rig.get("/v1/counts").await.text, r#"{"online":1,"active":0,"idle":1}"#);
    assert_eq!(rig.hit(r#"{"user":"ann","session":"tab-1","kind":"leave"}"#).await.status, 200);
    rig.advance(2).await;
    assert_eq!(rig.get("/v1/counts").await.text, r#"{"online":0,"active":0,"idle":0}"#);
}

#[tokio::test]
async fn the_chart_is_full_from_the_start_and_people_come_on_request() {
    let rig = Rig::serving(policy(), app).await;
    rig.hit(r#"{"user":"ann","kind":"enter"}"#).await;
    rig.advance(3).await;
    let history: serde_json::Value = serde_json::from_str(&rig.get("/history").await.text).unwrap();
    assert_eq!(
        (&history["every"], history["counts"].as_array().unwrap().last()),
        (&json!(1000), Some(&json!([1, 0])))
    );

    for _ in 0..2 {
        let reply = crate::client::send(rig.address, "POST", "/crowd", &[], "").await;
        assert_eq!(reply.status_and_text(), (202, r#"{"people":200,"seconds":60}"#));
    }
    rig.advance(8).await;
    let counts: serde_json::Value = serde_json::from_str(&rig.get("/v1/counts").await.text).unwrap();
    assert_eq!(counts["online"], 201);
    rig.advance(90).await;
    assert_eq!(rig.get("/v1/counts").await.text, r#"{"online":0,"active":0,"idle":0}"#);
}

#[tokio::test]
async fn the_demo_is_alive_and_ready() {
    let rig = Rig::serving(policy(), app).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.get(path).await.status_and_text(), (200, r#"{"ok":true}"#), "{path}");
    }
    assert_eq!(rig.get("/nothing").await.status_and_text(), (404, r#"{"ok":false,"error":"not found"}"#));
}
