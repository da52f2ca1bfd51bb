//! `POST /v1/hit`.

use crate::client::send;
use crate::rig::Rig;
use serde_json::json;

#[tokio::test]
async fn a_hit_returns_its_placement_and_an_enter_returns_the_windows() {
    let rig = Rig::new().await;
    let reply = rig.hit(r#"{"user":"alice","kind":"enter"}"#).await;
    let expected = r#"{"ok":true,"placed_at":1710000000000,"user":"alice","active_for":300000,"lease_for":60000,"ws":true}"#;
    assert_eq!(reply.status_and_text(), (200, expected));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    rig.advance(30).await;
    assert_eq!(
        rig.hit(r#"{"user":"alice"}"#).await.status_and_text(),
        (200, r#"{"ok":true,"placed_at":1710000000000}"#)
    );
}

#[tokio::test]
async fn json_is_accepted_under_any_content_type() {
    let rig = Rig::new().await;
    for kind in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "nonsense"] {
        let headers = [("content-type", kind)];
        let reply = send(rig.address, "POST", "/v1/hit", &headers, r#"{"user":"alice"}"#).await;
        assert_eq!(reply.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_user_may_be_a_number_and_is_the_session_unless_one_is_named() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":12345678901234567890123}"#).await;
    rig.hits(r#"{"user":1.50,"session":7}"#).await;
    let sessions = |reply: crate::client::Reply| reply.json()["sessions"].clone();
    assert_eq!(
        sessions(rig.get("/v1/users/12345678901234567890123").await),
        json!([{"session": "12345678901234567890123", "liveness": "active", "topics": []}])
    );
    assert_eq!(
        sessions(rig.get("/v1/users/1.5").await),
        json!([{"session": "7", "liveness": "active", "topics": []}])
    );
}

async fn topics(rig: &Rig) -> serde_json::Value {
    rig.get("/v1/users/a").await.json()["sessions"][0]["topics"].clone()
}

#[tokio::test]
async fn a_beat_without_topics_keeps_them_and_an_enter_without_topics_has_none() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["/y","/x"]}"#).await;
    assert_eq!(topics(&rig).await, json!(["/x", "/y"]));
    rig.hits(r#"{"user":"a"}"#).await;
    assert_eq!(topics(&rig).await, json!(["/x", "/y"]));
    rig.hits(r#"{"user":"a","topics":["/z"]}"#).await;
    assert_eq!(topics(&rig).await, json!(["/z"]));
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    assert_eq!(topics(&rig).await, json!([]));
}

async fn liveness(rig: &Rig) -> String {
    rig.get("/v1/users/a").await.json()["liveness"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_leave_takes_effect_after_the_grace_or_now() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    assert_eq!(rig.hit(r#"{"user":"a","kind":"leave"}"#).await.status_and_text(), (200, r#"{"ok":true}"#));
    assert_eq!(liveness(&rig).await, "active");
    rig.advance(5).await;
    assert_eq!(liveness(&rig).await, "gone");
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    rig.hits(r#"{"user":"a","kind":"leave","now":true}"#).await;
    assert_eq!(liveness(&rig).await, "gone");
}

#[tokio::test]
async fn a_leave_may_name_topics() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","topics":["/x","/y"]}"#).await;
    rig.hits(r#"{"user":"a","kind":"leave","topics":["/x"],"now":true}"#).await;
    assert_eq!(topics(&rig).await, json!(["/y"]));
    rig.hits(r#"{"user":"a","kind":"leave","topics":["/y"],"now":true}"#).await;
    assert_eq!(liveness(&rig).await, "gone");
}

#[tokio::test]
async fn a_late_leave_does_not_end_a_newer_enter() {
    let rig = Rig::new().await;
    let first = rig.hit(r#"{"user":"a","kind":"enter"}"#).await.json()["placed_at"].clone();
    rig.advance(1).await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    rig.hits(&format!(r#"{{"user":"a","kind":"leave","now":true,"placed_at":{first}}}"#)).await;
    assert_eq!(liveness(&rig).await, "active");
}

#[tokio::test]
async fn a_beat_that_comes_after_its_leave_is_dropped_without_complaint() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    rig.hits(r#"{"user":"a","kind":"leave","now":true}"#).await;
    assert_eq!(rig.hit(r#"{"user":"a"}"#).await.status_and_text(), (200, r#"{"ok":true}"#));
    assert_eq!(liveness(&rig).await, "gone");
}

#[tokio::test]
async fn the_hit_sets_the_time_of_the_last_activity() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","idle_ms":300000}"#).await;
    assert_eq!(liveness(&rig).await, "idle");
    rig.hits(r#"{"user":"a","idle_ms":299999}"#).await;
    assert_eq!(liveness(&rig).await, "active");
    rig.advance(1).await;
    rig.hits(r#"{"user":"a"}"#).await;
    assert_eq!(liveness(&rig).await, "idle");
}

#[tokio::test]
async fn a_status_is_shown_with_its_message() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter","status":"busy","message":"in a \"call\""}"#).await;
    let person = rig.get("/v1/users/a").await.json();
    assert_eq!((&person["status"], &person["message"]), (&json!("busy"), &json!("in a \"call\"")));
    rig.hits(r#"{"user":"a","status":"offline"}"#).await;
    assert_eq!(rig.get("/v1/counts").await.text, r#"{"online":0,"active":0,"idle":0}"#);
}

#[tokio::test]
async fn a_lapsed_session_is_gone() {
    let rig = Rig::new().await;
    rig.hits(r#"{"user":"a","kind":"enter"}"#).await;
    rig.advance(59).await;
    assert_eq!(liveness(&rig).await, "active");
    rig.advance(1).await;
    assert_eq!(liveness(&rig).await, "gone");
}

#[tokio::test]
async fn an_invalid_hit_gets_an_error_that_names_the_field() {
    let rig = Rig::new().await;
    for (body, error) in [
        ("{", "not json"),
        ("[]", "not an object"),
        ("{}", "no user"),
        (r#"{"user":false}"#, "invalid user"),
        (r#"{"user":"a","kind":"stay"}"#, "invalid kind"),
        (r#"{"user":"a","idle_ms":-1}"#, "invalid idle_ms"),
    ] {
        let expected = format!(r#"{{"ok":false,"error":"{error}"}}"#);
        assert_eq!(rig.hit(body).await.status_and_text(), (400, expected.as_str()), "{body}");
    }
    assert_eq!(rig.get("/v1/counts").await.json()["online"], 0);
}

#[tokio::test]
async fn unknown_methods_and_paths_get_json_errors() {
    let rig = Rig::new().await;
    let reply = rig.get("/v1/hit").await;
    assert_eq!(reply.status_and_text(), (405, r#"{"ok":false,"error":"method not allowed"}"#));
    assert_eq!(reply.header("allow"), Some("POST"));
    assert_eq!(rig.get("/v1/nothing").await.status_and_text(), (404, r#"{"ok":false,"error":"not found"}"#));
}
