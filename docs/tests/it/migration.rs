//! `docs/migration.md`.

use crate::client::soon;
use crate::rig::Rig;
use cookbook::migration::{count, list, next_diff, track};
use presence_axum::Mount;
use presence_core::{Scope, Topic, UserId};
use serde_json::json;

#[tokio::test]
async fn tracked_users_are_listed_and_announced() {
    let rig = Rig::serving(|presence| Mount::new(presence).routes()).await;
    let (presence, room) = (&rig.presence, Topic::new("lobby").unwrap());
    let mut updates = presence.subscribe(&Scope::Topic(room.clone()));
    let phone = track(presence, "lobby", "ada", "phone", json!({ "name": "Ada" })).unwrap();
    let (joined, left) = soon(next_diff(&mut updates)).await.unwrap();
    assert_eq!((joined, left), (vec![UserId::new("ada").unwrap()], vec![]));

    let laptop = track(presence, "lobby", "ada", "laptop", json!({ "name": "Ada L." })).unwrap();
    assert_eq!(count(presence, &room), 1, "a user of two connections counts once");
    assert!(list(presence, &room).contains_key("ada"));

    drop((phone, laptop));
    rig.advance(6).await; // the grace is over
    let (_, left) = soon(async {
        loop {
            let told = next_diff(&mut updates).await.unwrap();
            if !told.1.is_empty() {
                return told;
            }
        }
    })
    .await;
    assert_eq!(left, [UserId::new("ada").unwrap()]);
    assert!(list(presence, &room).is_empty());
}

#[tokio::test]
async fn a_name_that_breaks_a_bound_is_refused() {
    let rig = Rig::serving(|presence| Mount::new(presence).routes()).await;
    assert!(track(&rig.presence, "", "ada", "phone", json!({})).is_err());
    assert!(track(&rig.presence, "lobby", "ada", "phone", json!("a meta is an object")).is_err());
    assert_eq!(rig.presence.everyone().counts().online, 0);
}
