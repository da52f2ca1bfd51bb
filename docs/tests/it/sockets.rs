//! `docs/sockets.md`.

use crate::rig::Rig;
use crate::ws::{Client, connect_with};
use cookbook::sockets::app;
use tokio_tungstenite::tungstenite::Message;

async fn line(client: &mut Client) -> String {
    match client.message().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("no text frame but {other:?}"),
    }
}

async fn connect(rig: &Rig, user: &str) -> Client {
    let headers = [("x-user", user), ("sec-fetch-site", "same-origin")];
    connect_with(rig.address, "/ws", &headers).await.map_err(|status| format!("refused: {status}")).unwrap()
}

#[tokio::test]
async fn a_socket_speaks_the_formats_own_lines() {
    let rig = Rig::serving(app).await;
    assert_eq!(connect_with(rig.address, "/ws", &[("sec-fetch-site", "same-origin")]).await.err(), Some(401));
    assert_eq!(
        connect_with(rig.address, "/ws", &[("x-user", "ada")]).await.err(),
        Some(403),
        "from a foreign page"
    );
    let mut ada = connect(&rig, "ada").await;
    ada.send("jion lobby").await;
    assert_eq!(line(&mut ada).await, "error say: join <room>");
    ada.send("join lobby").await;
    assert_eq!(line(&mut ada).await, "lobby: ada");
    let mut bob = connect(&rig, "bob").await;
    bob.send("join lobby").await;
    assert_eq!(line(&mut bob).await, "lobby: ada bob");
    assert_eq!(line(&mut ada).await, "+ bob");
    drop(bob);
    // Bob's leave takes effect after the grace, by the clock that the test advances.
    while rig.presence.everyone().counts().online > 1 {
        rig.advance(1).await;
    }
    assert_eq!(line(&mut ada).await, "- bob");
}
