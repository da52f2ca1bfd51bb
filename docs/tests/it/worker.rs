//! `docs/worker.md`.

use crate::client::soon;
use crate::rig::Rig;
use cookbook::worker::{Event, work};
use presence_axum::Mount;
use presence_core::UserId;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_worker_sees_each_user_join_and_leave_once() {
    let rig = Rig::serving(|presence| Mount::new(presence).routes()).await;
    rig.enter("ada", &[]).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let worker = tokio::spawn(work(rig.presence.clone(), move |news| tell.send(news).unwrap()));
    let user = |name| UserId::new(name).unwrap();
    assert_eq!(soon(told.recv()).await, Some(Event::Joined(user("ada"))), "who was there before it started");

    rig.post("/v1/hit", r#"{"user":"bob","session":"phone","kind":"enter"}"#).await;
    rig.post("/v1/hit", r#"{"user":"bob","session":"laptop","kind":"enter"}"#).await;
    assert_eq!(soon(told.recv()).await, Some(Event::Joined(user("bob"))));
    rig.post("/v1/hit", r#"{"user":"bob","session":"phone","kind":"leave","now":true}"#).await;
    rig.leave("ada").await;
    assert_eq!(soon(told.recv()).await, Some(Event::Left(user("ada"))), "bob has another session");
    rig.advance(61).await;
    assert_eq!(soon(told.recv()).await, Some(Event::Left(user("bob"))), "his lease has lapsed");

    rig.presence.shutdown().await;
    soon(worker).await.unwrap();
}
