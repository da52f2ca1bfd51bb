//! Disconnecting users over HTTP.

use super::{admin, ask, hit, look, rig, token, watch};
use crate::client::send;
use crate::rig::Rig;
use crate::ws::client::connect_with;
use presence_axum::auth::{Action, Identity, Resource};
use serde_json::json;

const PATH: &str = "/v1/users/ada/disconnect";

#[tokio::test]
async fn an_administrator_disconnects_a_user_and_keeps_them_away() {
    let rig = rig().await;
    let bearer = format!("Bearer {}", token("ada"));
    let headers = [("authorization", bearer.as_str())];
    let socket = || connect_with(rig.address, "/v1/ws", &headers);
    let mut client = socket().await.ok().unwrap();
    let mut stream = watch(&rig, &token("ada"), "/v1/sse").await;
    stream.event().await;
    hit(&rig, &token("ada"), r#"{"kind":"enter","session":"tab"}"#).await;
    let kicked = ask(&rig, "POST", PATH, &admin(), r#"{"seconds":30}"#).await;
    assert_eq!(kicked.status_and_text(), (202, r#"{"ok":true,"until":1710000030000}"#));
    assert_eq!(client.closed().await, 4403);
    while stream.next().await.is_some() {}
    assert_eq!(look(&rig, &token("bob"), "/v1/users/ada").await.json()["liveness"], "gone");
    assert_eq!(socket().await.err(), Some(403));
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status, 403);
    rig.clock.advance(std::time::Duration::from_secs(31)).await;
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status, 200);
}

#[tokio::test]
async fn one_session_can_be_disconnected_and_the_others_stay() {
    let rig = rig().await;
    for session in ["tab", "phone"] {
        let enter = json!({"kind": "enter", "session": session}).to_string();
        assert_eq!(hit(&rig, &token("ada"), &enter).await.status, 200);
    }
    let kicked = ask(&rig, "POST", PATH, &admin(), r#"{"session":"tab","seconds":30}"#).await;
    assert_eq!(kicked.status, 202);
    let person = look(&rig, &admin(), "/v1/users/ada").await.json();
    let live: Vec<_> =
        person["sessions"].as_array().unwrap().iter().map(|session| &session["session"]).collect();
    assert_eq!(live, ["phone"]);
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter","session":"tab"}"#).await.status, 403);
    assert_eq!(hit(&rig, &token("ada"), r#"{"session":"phone"}"#).await.status, 200);
}

#[tokio::test]
async fn an_empty_body_only_disconnects() {
    let rig = rig().await;
    hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await;
    assert_eq!(ask(&rig, "POST", PATH, &admin(), "").await.status, 202);
    assert_eq!(look(&rig, &token("bob"), "/v1/users/ada").await.json()["liveness"], "gone");
    rig.clock.advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status, 200);
}

#[tokio::test]
async fn disconnecting_needs_the_right_to_kick() {
    let rig = rig().await;
    assert_eq!(hit(&rig, &token("ada"), r#"{"kind":"enter"}"#).await.status, 200);
    for (token, status) in [(token("ada"), 403), (token("bob"), 403), ("nonsense".to_owned(), 401)] {
        assert_eq!(ask(&rig, "POST", PATH, &token, "{}").await.status, status);
    }
    assert_eq!(send(rig.address, "POST", PATH, &[], "{}").await.status, 401);
    assert_eq!(look(&rig, &token("bob"), "/v1/users/ada").await.json()["liveness"], "active");
}

#[tokio::test]
async fn a_mount_that_does_not_identify_callers_refuses_to_disconnect() {
    for rig in [
        Rig::new().await,
        Rig::with(|mount| mount.authorize(|_: &Identity, _: Action, _: Resource<'_>| true)).await,
    ] {
        let refused = send(rig.address, "POST", PATH, &[], "{}").await;
        assert_eq!(refused.status_and_text(), (403, r#"{"ok":false,"error":"forbidden"}"#));
    }
}

#[tokio::test]
async fn the_host_decides_who_may_disconnect() {
    let rig = Rig::with_clock(|mount, clock| {
        mount.identify(super::hs256(clock)).authorize(|who: &Identity, action: Action, on: Resource<'_>| {
            action != Action::Kick
                || (who.subject() == Some("mod")
                    && matches!(on, Resource::User(user) if user.as_str() == "ada"))
        })
    })
    .await;
    assert_eq!(ask(&rig, "POST", PATH, &token("mod"), "{}").await.status, 202);
    assert_eq!(ask(&rig, "POST", "/v1/users/bob/disconnect", &token("mod"), "{}").await.status, 403);
    assert_eq!(ask(&rig, "POST", PATH, &admin(), "{}").await.status, 403);
}

#[tokio::test]
async fn errors_name_what_is_wrong() {
    let rig = rig().await;
    for (body, error) in [
        (r#"{"seconds":-1}"#, "invalid seconds"),
        (r#"{"seconds":"30"}"#, "invalid seconds"),
        (r#"{"session":""}"#, "invalid session"),
        (r#"{"session":[1]}"#, "invalid session"),
        ("[]", "not an object"),
        ("seconds", "not json"),
    ] {
        let refused = ask(&rig, "POST", PATH, &admin(), body).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some(error)), "{body}");
    }
    let refused = ask(&rig, "POST", "/v1/users/a%00/disconnect", &admin(), "{}").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid user")));
}
