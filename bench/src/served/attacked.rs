//! The attacked server: the routes with the recommended limits, many users, and as many
//! threads as processors.

use crate::Outcome;
use crate::attacks::long_topics;
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_axum::{Mount, not_found};
use presence_core::{Beat, Policy, Presence, SessionId, Status, Topic, Topics, UserId};
use presence_memory::{MemoryBroker, MemoryStore};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::net::TcpListener;
use std::time::Duration;

/// The memory limit of the roster, and of the store.
const MAX_BYTES: usize = 512 * 1024 * 1024;
/// Users with long names, whose list is larger than a frame.
const CROWD: usize = 20_000;
/// Users with the maximum bytes of topics.
const HEAVY: usize = 500;
/// The prefix of their names.
pub const HEAVY_NAME: &str = "c";

/// Serves until the process ends, with a limit on open files.
pub fn run(listener: TcpListener, files: usize) -> Outcome {
    if files > 0 {
        let most = Some(files as u64);
        setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = MemoryStore::new().max_bytes(MAX_BYTES);
        let policy = Policy::default().lease_for(Duration::from_secs(20));
        let presence =
            Presence::builder(store).policy(policy).max_sessions(1_000_000).max_bytes(MAX_BYTES).start()?;
        presence.ready().await;
        fill(&presence).await?;
        let routes: Router = Mount::new(presence).broker(MemoryBroker::new()).routes();
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        println!("{}", listener.local_addr()?);
        // Clients connect directly here.
        let options = Options::default().max_connections_per_client(100);
        serve(listener, routes.fallback(not_found), options, std::future::pending()).await;
        Ok(())
    })
}

/// Enters the users that stay for the whole run.
async fn fill(presence: &Presence) -> Outcome {
    let stays = |user: String| -> Outcome<Beat> {
        let beat = Beat::enter(UserId::new(user)?, SessionId::new("tab")?);
        Ok(beat.lease(Duration::from_hours(2)))
    };
    for n in 0..CROWD {
        presence.beat(stays(format!("{n:0>200}"))?.declares(Status::Busy)).await?;
    }
    for n in 0..HEAVY {
        let user = format!("{HEAVY_NAME}{n}");
        let names: Vec<String> = serde_json::from_str(&format!("[{}]", long_topics(&user)))?;
        let topics = names.into_iter().map(Topic::new).collect::<Result<Vec<_>, _>>()?;
        presence.beat(stays(user)?.topics(Topics::new(topics)?)).await?;
    }
    Ok(())
}
