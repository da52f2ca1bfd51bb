//! `docs/rooms.md`.

use crate::rig::Rig;
use cookbook::rooms::app;
use serde_json::json;

#[tokio::test]
async fn rooms_exist_as_long_as_users_are_in_them() {
    let rig = Rig::serving(app).await;
    assert_eq!(rig.get("/rooms").await.json(), json!([]));
    rig.enter("ada", &["lobby"]).await;
    rig.enter("bob", &["lobby", "kitchen"]).await;
    assert_eq!(rig.get("/rooms").await.json(), json!([["lobby", 2], ["kitchen", 1]]));
    assert_eq!(rig.get("/rooms/lobby").await.json(), json!([["ada", true], ["bob", true]]));
    // A move: the session is in these rooms from now on, and in no others.
    rig.post("/v1/hit", r#"{"user":"bob","topics":["garden"]}"#).await;
    assert_eq!(rig.get("/rooms").await.json(), json!([["garden", 1], ["lobby", 1]]));
    assert_eq!(rig.get("/rooms/kitchen").await.json(), json!([]));
    rig.leave("ada").await;
    assert_eq!(rig.get("/rooms").await.json(), json!([["garden", 1]]));
}
