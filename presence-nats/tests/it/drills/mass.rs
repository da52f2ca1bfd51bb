//! A server loses more sessions than fit into one batch.

use super::world::{Process, enter, outside, until};
use crate::rig::{self, unique};
use presence_core::{Hold, PresenceStore, UserId};
use presence_nats::Storage;
use std::collections::BTreeSet;
use std::sync::Arc;
use test_servers::nats::Nats;

/// Several batches.
const USERS: usize = 3_000;

#[tokio::test]
async fn thousands_of_sessions_are_stored_again_after_the_server_lost_them() {
    let (server, name) = (Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap()), unique());
    let open = || rig::on(&server, &name, Storage::Memory);
    let (one, other) = (Process::start(open()).await, Process::start(open()).await);
    let names: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    let held: Vec<Hold> =
        names.iter().map(|name| one.presence.hold(enter(name, "/start")).unwrap()).collect();
    until("everybody is here", || async { other.online("/start") == USERS }).await;
    let restarted = Arc::clone(&server);
    outside(move || restarted.restart()).await;
    let users: Vec<UserId> = held.iter().map(|hold| hold.key().user.clone()).collect();
    let late = open();
    until("the server has them all again", || async {
        late.load(&users).await.is_ok_and(|facts| facts.sessions.len() == USERS)
    })
    .await;
    for process in [&one, &other] {
        until("the views are fresh", || async { process.is_fresh() && process.online("/start") == USERS })
            .await;
        assert_eq!(process.saw_leave(), BTreeSet::new());
    }
}
