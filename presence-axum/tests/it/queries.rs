//! Queries.

use crate::rig::Rig;
use serde_json::json;

async fn populated() -> Rig {
    let rig = Rig::new().await;
    for hit in [
        r#"{"user":"bob","kind":"enter","topics":["/x","/y"],"status":"busy","message":"hi"}"#,
        r#"{"user":"alice","kind":"enter","topics":["/x"]}"#,
        r#"{"user":"carol","kind":"enter","topics":["/y"],"idle_ms":400000}"#,
        r#"{"user":"dave","kind":"enter","topics":["/x"]}"#,
    ] {
        rig.hits(hit).await;
    }
    rig
}

#[tokio::test]
async fn a_user_is_shown_with_sessions() {
    let rig = populated().await;
    assert_eq!(
        rig.get("/v1/users/bob").await.status_and_text(),
        (
            200,
            r#"{"user":"bob","liveness":"active","status":"busy","message":"hi","last_seen":1710000000000,"sessions":[{"session":"bob","liveness":"active","topics":["/x","/y"]}]}"#
        )
    );
}

#[tokio::test]
async fn an_unknown_user_is_gone() {
    let rig = Rig::new().await;
    let gone = r#"{"user":"n b","liveness":"gone","status":"offline","message":null,"last_seen":null,"sessions":[]}"#;
    assert_eq!(rig.get("/v1/users/n%20b").await.status_and_text(), (200, gone));
}

#[tokio::test]
async fn an_invalid_user_id_is_refused() {
    let rig = Rig::new().await;
    for path in
        ["/v1/users/%00".to_owned(), "/v1/users/%FF".to_owned(), format!("/v1/users/{}", "x".repeat(257))]
    {
        assert_eq!(
            rig.get(&path).await.status_and_text(),
            (400, r#"{"ok":false,"error":"invalid user"}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn several_users_are_answered_in_the_order_they_were_asked_for() {
    let rig = populated().await;
    rig.hits(r#"{"user":"a,b","kind":"enter"}"#).await;
    let answer = rig.get("/v1/users?ids=dave,nobody,a%2Cb,alice").await.json();
    let users: Vec<_> =
        answer["users"].as_array().unwrap().iter().map(|u| (&u["user"], &u["liveness"])).collect();
    assert_eq!(
        json!(users),
        json!([["dave", "active"], ["nobody", "gone"], ["a,b", "active"], ["alice", "active"]])
    );
    let ids = (0..1_001).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(
        rig.get(&format!("/v1/users?ids={ids}")).await.status_and_text(),
        (400, r#"{"ok":false,"error":"too many ids"}"#)
    );
    assert_eq!(rig.get("/v1/users").await.status_and_text(), (400, r#"{"ok":false,"error":"no ids"}"#));
}

#[tokio::test]
async fn a_thousand_long_ids_can_be_asked_for() {
    let rig = Rig::new().await;
    let ids: Vec<_> = (0..1_000).map(|i| format!("550e8400-e29b-41d4-a716-{i:012}")).collect();
    let answer = rig.get(&format!("/v1/users?ids={}", ids.join(","))).await;
    assert_eq!(answer.json()["users"].as_array().unwrap().len(), 1_000);
}

#[tokio::test]
async fn counts_are_of_everybody_or_of_a_topic() {
    let rig = populated().await;
    assert_eq!(rig.get("/v1/counts").await.status_and_text(), (200, r#"{"online":4,"active":3,"idle":1}"#));
    assert_eq!(
        rig.get("/v1/counts?topic=/y").await.status_and_text(),
        (200, r#"{"online":2,"active":1,"idle":1}"#)
    );
    assert_eq!(
        rig.get("/v1/counts?topic=%2Fnowhere").await.status_and_text(),
        (200, r#"{"online":0,"active":0,"idle":0}"#)
    );
    assert_eq!(
        rig.get("/v1/counts?topic=").await.status_and_text(),
        (400, r#"{"ok":false,"error":"invalid topic"}"#)
    );
    assert_eq!(
        rig.get("/v1/counts?topic=a&topic=b").await.status_and_text(),
        (400, r#"{"ok":false,"error":"invalid query"}"#)
    );
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let rig = populated().await;
    let first = rig.get("/v1/list?limit=3").await;
    assert_eq!(
        first.status_and_text(),
        (
            200,
            r#"{"users":[{"user":"alice","liveness":"active","status":"online","message":null},{"user":"bob","liveness":"active","status":"busy","message":"hi"},{"user":"carol","liveness":"idle","status":"away","message":null}],"next":"carol","online":4,"active":3,"idle":1}"#
        )
    );
    let second = rig.get("/v1/list?limit=3&cursor=carol").await.json();
    assert_eq!((&second["users"][0]["user"], &second["next"]), (&json!("dave"), &json!(null)));
    assert_eq!(rig.get("/v1/list?topic=/y").await.json()["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_page_has_one_to_a_thousand_rows() {
    let rig = Rig::new().await;
    for limit in ["0", "1001", "-1", "ten", ""] {
        let reply = rig.get(&format!("/v1/list?limit={limit}")).await;
        assert_eq!(reply.status_and_text(), (400, r#"{"ok":false,"error":"invalid limit"}"#), "{limit}");
    }
    assert_eq!(
        rig.get("/v1/list?limit=1000").await.status_and_text(),
        (200, r#"{"users":[],"next":null,"online":0,"active":0,"idle":0}"#)
    );
    assert_eq!(
        rig.get("/v1/list?cursor=").await.status_and_text(),
        (400, r#"{"ok":false,"error":"invalid cursor"}"#)
    );
}

#[tokio::test]
async fn topics_are_sorted_by_their_number_of_users_and_then_by_name() {
    let rig = populated().await;
    rig.hits(r#"{"user":"erin","kind":"enter","topics":["/a"]}"#).await;
    rig.hits(r#"{"user":"fred","kind":"enter","topics":["/b"]}"#).await;
    assert_eq!(
        rig.get("/v1/topics?limit=3").await.status_and_text(),
        (
            200,
            r#"{"topics":[{"topic":"/x","online":3,"active":3,"idle":0},{"topic":"/y","online":2,"active":1,"idle":1},{"topic":"/a","online":1,"active":1,"idle":0}]}"#
        )
    );
    assert_eq!(rig.get("/v1/topics").await.json()["topics"].as_array().unwrap().len(), 4);
    assert_eq!(rig.get("/v1/topics?limit=0").await.status, 400);
}

#[tokio::test]
async fn health_reports_store_view_and_counts() {
    let rig = populated().await;
    assert_eq!(
        rig.get("/v1/health").await.status_and_text(),
        (
            200,
            r#"{"ok":true,"store":"up","view":"fresh","stale_since":null,"sessions":4,"users":4,"topics":2}"#
        )
    );
}

#[tokio::test]
async fn query_responses_must_not_be_cached() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/counts").await.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_client_is_served_beside_the_routes() {
    let rig = Rig::new().await;
    let script = rig.get("/presence.js").await;
    assert_eq!(script.status_and_text(), (200, presence_axum::assets::PRESENCE_JS));
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn a_response_that_would_be_too_large_is_refused_before_it_is_made() {
    let rig = Rig::with(|mount| mount.limits(presence_axum::Limits::shared())).await;
    let topics: Vec<String> = (0..15).map(|n| format!("{n:0>1000}")).collect();
    for user in 0..30 {
        for session in 0..25 {
            let body =
                json!({ "user": format!("u{user}"), "session": session, "kind": "enter", "topics": topics });
            rig.hits(&body.to_string()).await;
        }
    }
    let ids = |n: usize| (0..n).map(|n| format!("u{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(rig.get(&format!("/v1/users?ids={}", ids(5))).await.status, 200);
    let refused = rig.get(&format!("/v1/users?ids={}", ids(30))).await;
    assert_eq!(refused.status_and_text(), (413, r#"{"ok":false,"error":"too large: name fewer users"}"#));
}
