//! A full bucket, a full server and a sealed bucket: nobody leaves, and changes that could not be
//! stored are stored afterwards.

use super::world::{Process, World, outside};
use crate::rig::{self, unique};
use presence_nats::{NatsStore, Storage};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use test_servers::nats::Nats;

/// Longer than every lease in use.
const FULL_FOR: Duration = Duration::from_secs(8);

/// Makes changes that cannot all be stored, and checks that neither of two processes reports a user
/// as gone.
async fn nobody_leaves_while(
    open: impl Fn() -> NatsStore,
    fills: impl FnOnce() + Send + 'static,
    is_stale: bool,
    empties: impl FnOnce() + Send + 'static,
) {
    let world = World::start(open(), open()).await;
    outside(fills).await;
    world.change().await;
    if is_stale {
        world.sees("both views are stale", |process| !process.is_fresh()).await;
    }
    tokio::time::sleep(FULL_FOR).await;
    for process in [&world.one, &world.other] {
        assert_eq!(process.saw_leave(), BTreeSet::new());
        assert!(!is_stale || !process.is_fresh());
    }
    outside(empties).await;
    world.has_recovered(open()).await;
}

async fn nobody_leaves_while_a_server_is_full(config: &'static str, storages: &'static [&'static str]) {
    let server = tokio::task::spawn_blocking(|| Nats::with(config)).await.unwrap();
    let (server, name) = (Arc::new(server), unique());
    let open = || rig::on(&server, &name, Storage::File);
    let (fills, empties) = (Arc::clone(&server), Arc::clone(&server));
    let fills = move || storages.iter().for_each(|storage| rig::fill(&fills, storage));
    let empties = move || storages.iter().for_each(|storage| rig::empty(&empties, storage));
    nobody_leaves_while(open, fills, true, empties).await;
}

const SMALL: &str = "jetstream { store_dir: store, max_mem: 8M, max_file: 8M }";

#[tokio::test]
async fn nobody_leaves_while_the_files_of_a_server_are_full() {
    nobody_leaves_while_a_server_is_full(SMALL, &["file"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_memory_of_a_server_is_full() {
    nobody_leaves_while_a_server_is_full(SMALL, &["memory"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_files_and_the_memory_of_a_server_are_full() {
    nobody_leaves_while_a_server_is_full(SMALL, &["file", "memory"]).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_bucket_has_reached_max_bytes() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || rig::on(&server, &name, Storage::File);
    let set = |bytes: Option<i64>| {
        let (server, name) = (Arc::clone(&server), name.clone());
        move || {
            rig::change(&server, "KV", &name, |info| {
                let used = info["state"]["bytes"].clone();
                info["config"]["max_bytes"] = bytes.map_or(used, Into::into);
            });
        }
    };
    // Existing records can still be renewed and rewritten, so time is proven and the views stay
    // fresh.
    nobody_leaves_while(open, set(None), false, set(Some(-1))).await;
}

#[tokio::test]
async fn nobody_leaves_while_the_bucket_is_sealed() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || rig::on(&server, &name, Storage::File);
    let (sealed, deleted) = ((Arc::clone(&server), name.clone()), (Arc::clone(&server), name.clone()));
    // A sealed stream cannot be unsealed. It is deleted, and the processes create it again.
    let seal = move || rig::change(&sealed.0, "KV", &sealed.1, |info| info["config"]["sealed"] = true.into());
    let delete = move || rig::lose(&deleted.0, &deleted.1);
    nobody_leaves_while(open, seal, true, delete).await;
}

#[tokio::test]
async fn a_process_that_starts_on_a_sealed_bucket_is_stale_until_the_bucket_is_created_again() {
    let server = Arc::new(tokio::task::spawn_blocking(Nats::start).await.unwrap());
    let name = unique();
    let open = || rig::on(&server, &name, Storage::File);
    let before = Process::start(open()).await;
    drop(before);
    let (sealed, named) = (Arc::clone(&server), name.clone());
    outside(move || rig::change(&sealed, "KV", &named, |info| info["config"]["sealed"] = true.into())).await;
    let presence = presence_core::Presence::builder(open()).policy(super::world::policy()).start().unwrap();
    let hold = presence.hold(super::world::enter("ada", "/start")).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!presence.health().view.is_fresh());
    let deleted = (Arc::clone(&server), name.clone());
    outside(move || rig::lose(&deleted.0, &deleted.1)).await;
    super::world::until("the bucket is made anew", || async {
        presence.health().view.is_fresh() && presence.health().outbox == 0
    })
    .await;
    let late = Process::start(open()).await;
    super::world::until("it is stored", || async { late.online("/start") == 1 }).await;
    drop(hold);
}
