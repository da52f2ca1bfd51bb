//! `POST /api/v2/presence/batch`.

use super::node::{Node, token};
use serde_json::{Value, json};

const BATCH: &str = "/api/v2/presence/batch";

fn batch(users: impl IntoIterator<Item = String>) -> String {
    let presences: Vec<Value> =
        users.into_iter().map(|user| json!({ "userID": user, "status": "busy", "message": "x" })).collect();
    json!({ "presences": presences }).to_string()
}

#[tokio::test]
async fn a_batch_is_stored_and_answered_in_order() {
    let node = Node::memory().await;
    let body =
        r#"{"presences":[{"userID":"b","status":"busy","message":"Focus"},{"userID":"a","status":"away"}]}"#;
    let reply = node.post(BATCH, body).await;
    let stored = reply.json()["presences"].clone();
    assert_eq!(reply.status, 200);
    let said = |i: usize| {
        [&stored[i]["userID"], &stored[i]["status"], &stored[i]["message"], &stored[i]["nodeID"]]
            .map(|v| v.as_str().unwrap())
    };
    assert_eq!(said(0), ["b", "busy", "Focus", "center-1"]);
    assert_eq!(said(1), ["a", "away", "", "center-1"]);
    assert_eq!(node.get("/api/v2/presence?users=b,a").await.json()["presences"], stored);
    assert_eq!(node.post(BATCH, r#"{"presences":[]}"#).await.status_and_text(), (200, r#"{"presences":[]}"#));
}

#[tokio::test]
async fn a_thousand_fit_and_one_more_is_refused() {
    let node = Node::memory().await;
    let users = |n: usize| (0..n).map(|i| format!("user-{i}"));
    let reply = node.post(BATCH, batch(users(1_000))).await;
    assert_eq!((reply.status, reply.json()["presences"].as_array().unwrap().len()), (200, 1_000));
    assert_eq!(node.status("user-999").await, "busy");
    let reply = node.post(BATCH, batch((0..1_001).map(|i| format!("more-{i}")))).await;
    assert_eq!(reply.status, 400);
    assert_eq!(node.status("more-0").await, "404");
}

#[tokio::test]
async fn one_that_is_wrong_makes_all_wrong() {
    let node = Node::memory().await;
    for wrong in [
        json!({ "userID": "bad", "status": "here" }),
        json!({ "userID": "bad" }),
        json!({ "userID": "", "status": "busy" }),
        json!({ "userID": 7, "status": "busy" }),
        json!({ "status": "busy" }),
        json!({ "userID": "x".repeat(257), "status": "busy" }),
        json!({ "userID": "bad", "status": "busy", "message": 7 }),
        json!({ "userID": "bad", "status": "busy", "ttl": "7" }),
        json!("bad"),
        json!(["bad", "busy"]),
        json!(null),
    ] {
        let body = json!({ "presences": [{ "userID": "good", "status": "busy" }, wrong] });
        let reply = node.post(BATCH, body.to_string()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
    }
    for body in ["", "[]", "{}", r#"{"presences":{}}"#, r#"{"presences":null}"#, r#"{"presences":"x"}"#] {
        assert_eq!(node.post(BATCH, body).await.status, 400, "{body}");
    }
    let invalid = node.post(BATCH, r#"{"presences":[{"userID":"a","status":"here"}]}"#).await;
    assert_eq!(invalid.status_and_text(), (400, r#"{"error":"invalid status"}"#));
    assert_eq!(node.status("good").await, "404");
}

#[tokio::test]
async fn of_two_for_one_user_the_later_one_counts() {
    let node = Node::memory().await;
    let body = r#"{"presences":[{"userID":"a","status":"busy"},{"userID":"a","status":"away"}]}"#;
    let stored = node.post(BATCH, body).await.json();
    assert_eq!(
        (&stored["presences"][0]["status"], &stored["presences"][1]["status"]),
        (&json!("away"), &json!("away"))
    );
    assert_eq!(node.status("a").await, "away");
}

#[tokio::test]
async fn a_batch_may_hold_only_oneself() {
    let node = Node::memory().await;
    let ada = token("ada", &json!({}));
    let both = batch(["ada".to_owned(), "bob".to_owned()]);
    assert_eq!(
        node.call("POST", BATCH, Some(&ada), both).await.status_and_text(),
        (403, r#"{"error":"forbidden"}"#)
    );
    assert_eq!(node.status("ada").await, "404");
    assert_eq!(node.call("POST", BATCH, Some(&ada), batch(["ada".to_owned()])).await.status, 200);
}
