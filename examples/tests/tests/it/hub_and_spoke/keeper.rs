//! Upkeep by a center: it forgets lapsed users, and no others.

use super::node::{Node, admin, clock, settings};
use hub_and_spoke::node::keeper;
use presence_core::{PresenceStore, Status, UserId};
use presence_memory::MemoryStore;
use std::sync::Arc;

#[tokio::test]
async fn a_center_forgets_only_users_who_lapsed_or_were_cleared() {
    let clock = clock();
    let store = MemoryStore::with_clock(clock.clone());
    let settings = settings(&[]);
    let presence = keeper(Arc::new(store.clone()), clock.clone(), &settings);
    presence.ready().await;
    let node = Node::on(Arc::new(store.clone()), clock, &settings).await;
    for (user, ttl) in [("lapses", 5), ("cleared", 600), ("stays", 3_600), ("renewed", 5)] {
        let body = format!(r#"{{"status":"busy","ttl":{ttl}}}"#);
        assert_eq!(node.post(&format!("/api/v2/presence/{user}"), body).await.status, 200);
    }
    node.advance(3).await;
    node.set("renewed", "away").await;
    node.call("DELETE", "/api/v2/presence/cleared", Some(&admin()), "").await;
    node.advance(1).await;
    // A `Presence` on the same store shows the same: a declared status lasts until it lapses.
    let show = |user: &str| presence.user(&UserId::new(user).unwrap()).map(|person| person.member.status);
    assert_eq!(presence.everyone().counts().online, 3);
    assert_eq!((show("stays"), show("cleared")), (Some(Status::Busy), Some(Status::Offline)));

    node.advance(1_500).await;
    let users = ["lapses", "cleared", "stays", "renewed"].map(|user| UserId::new(user).unwrap());
    let held = store.load(&users).await.unwrap().sessions;
    let held: Vec<_> = held.iter().map(|session| session.user.as_str()).collect();
    assert_eq!(held, ["stays", "renewed"]);
    assert_eq!((node.status("stays").await, node.status("renewed").await), ("busy".into(), "away".into()));
    assert_eq!(presence.everyone().counts().online, 2);
}
