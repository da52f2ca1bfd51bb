//! Several processes that share presence: one line selects the store.

use presence_axum::{Mount, serve};
use presence_core::{Presence, PresenceStore};
use presence_memory::MemoryStore;
use presence_nats::{NatsStore, async_nats::ConnectOptions};
use presence_redis::RedisStore;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The store at `redis://…`, at `nats://…`, or in memory. All processes use the same namespace.
///
/// No connection is made yet, so a process starts even if the server is down.
pub fn store(url: &str, namespace: &str) -> Result<Arc<dyn PresenceStore>, Box<dyn Error>> {
    Ok(match url.split_once("://") {
        Some(("redis" | "rediss", _)) => {
            let options = presence_redis::Options::new(presence_redis::Namespace::new(namespace)?);
            Arc::new(RedisStore::connect(url, options)?)
        }
        Some(("nats" | "tls", _)) => {
            let options = presence_nats::Options::new(presence_nats::Namespace::new(namespace)?);
            Arc::new(NatsStore::connect(url, ConnectOptions::new(), options)?)
        }
        _ => Arc::new(MemoryStore::new()),
    })
}

/// Serves it on port `PORT`: start two, and each shows the users of both.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("STORE").unwrap_or_else(|_| "memory".to_owned());
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let presence = Presence::builder(store(&url, "chat")?).start()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app: axum::Router = Mount::new(presence.clone()).routes();
    serve::serve(listener, app, serve::Options::default(), serve::terminated()).await;
    presence.shutdown().await;
    Ok(())
}
