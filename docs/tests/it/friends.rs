//! `docs/friends.md`.

use crate::rig::Rig;
use cookbook::friends::app;
use presence_core::UserId;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn a_stream_lists_the_online_friends() {
    let friends: Vec<UserId> = ["bob", "carol"].map(|name| UserId::new(name).unwrap()).into();
    let rig = Rig::serving(|presence| app(presence, Arc::new(move |_| friends.clone()))).await;
    rig.enter("bob", &[]).await;
    let mut stream = rig.events("/friends/ada").await;
    assert_eq!(stream.data().await, json!(["bob"]));
    rig.enter("dave", &[]).await; // a stranger: no event is sent
    rig.enter("carol", &[]).await;
    assert_eq!(stream.data().await, json!(["bob", "carol"]));
    rig.leave("bob").await;
    assert_eq!(stream.data().await, json!(["carol"]));
}
