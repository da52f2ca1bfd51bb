//! `docs/typing.md`.

use crate::rig::Rig;
use crate::ws::Client;
use cookbook::typing::app;
use serde_json::json;

#[tokio::test]
async fn typing_reaches_the_others_and_a_message_everybody() {
    let rig = Rig::serving(app).await;
    let (mut ada, mut bob) = (Client::connect(rig.address).await, Client::connect(rig.address).await);
    for (client, user) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        client.send(&json!({ "type": "enter", "user": user, "topics": ["lobby"] }).to_string()).await;
        client.of("entered").await;
        client.send(r#"{"type":"subscribe","topics":["lobby"]}"#).await;
        client.of("presence_state").await;
    }
    ada.send(r#"{"type":"typing","topic":"lobby"}"#).await;
    let typing = bob.of("typing").await;
    assert_eq!((&typing["user"], &typing["value"]), (&json!("ada"), &json!(true)));

    ada.send(r#"{"type":"publish","ref":1,"topic":"lobby","data":{"text":"hello"},"key":"m1"}"#).await;
    assert_eq!(ada.of("published").await["repeated"], false);
    let message = bob.of("message").await;
    assert_eq!((&message["user"], &message["data"]["text"]), (&json!("ada"), &json!("hello")));

    assert_eq!(rig.post("/announce/lobby", r#"{"text":"we close at six"}"#).await.status, 202);
    let announced = bob.of("message").await;
    assert_eq!((&announced["user"], &announced["data"]["text"]), (&json!(null), &json!("we close at six")));
}
