//! `docs/last-seen.md`.

use crate::client::send;
use crate::rig::Rig;
use cookbook::last_seen::{app, policy};
use std::time::Duration;

#[tokio::test]
async fn last_sights_are_remembered_for_a_while_and_erased_on_request() {
    assert_eq!(policy().remember_for, Some(Duration::from_hours(30 * 24)));
    // Shorter than in the program, since advancing the clock takes steps for each second.
    let hour = policy().remember_for(Duration::from_hours(1));
    let rig = Rig::with(hour, app).await;
    assert_eq!(rig.get("/seen/ada").await.status, 404);
    rig.enter("ada", &[]).await;
    assert_eq!(rig.get("/seen/ada").await.text, "online");
    rig.advance(1_800).await;
    let seen = rig.get("/seen/ada").await;
    assert_eq!((seen.status, &*seen.text), (200, "last seen 1800 s ago"));
    assert_eq!(send(rig.address, "DELETE", "/seen/ada", &[], "").await.status, 204);
    assert_eq!(rig.get("/seen/ada").await.status, 404);
    // The record of a user expires by itself, without `erase`.
    rig.enter("bob", &[]).await;
    rig.advance(3_700).await;
    assert_eq!(rig.get("/seen/bob").await.status, 404);
}
