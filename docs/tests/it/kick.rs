//! `docs/kick.md`.

use crate::rig::Rig;
use cookbook::kick::{app, connection};
use presence_core::{Ended, SessionId, UserId};

#[tokio::test]
async fn a_kick_ends_connections_and_keeps_the_user_away() {
    let rig = Rig::serving(app).await;
    rig.enter("bob", &[]).await;
    let open = |session: &str| {
        let (user, session) = (UserId::new("ada").unwrap(), SessionId::new(session).unwrap());
        tokio::spawn(connection(rig.presence.clone(), user, session, std::future::pending()))
    };
    let (one, other) = (open("phone"), open("laptop"));
    rig.advance(1).await;
    assert_eq!(rig.presence.everyone().counts().online, 2);

    let kicked = rig.post("/kick/ada", "").await;
    assert_eq!(kicked.status, 200, "{}", kicked.text);
    for ended in [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()] {
        assert!(matches!(ended, Some(Ended::Blocked { .. })), "{ended:?}");
    }
    assert_eq!(rig.presence.everyone().counts().online, 1, "bob");
    assert_eq!(rig.enter("ada", &[]).await.status, 403);
    assert!(open("tablet").await.unwrap().is_err());

    rig.advance(601).await;
    assert_eq!(rig.enter("ada", &[]).await.status, 200, "ten minutes are over");
}
