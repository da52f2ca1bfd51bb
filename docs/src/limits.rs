//! The limits to set for a process of 512 MiB and some 100,000 users.

use axum::Router;
use presence_axum::limits::Quota;
use presence_axum::{Limits, Mount, serve, ws};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::error::Error;
use tokio::net::TcpListener;

/// The memory limit for sessions: once for the roster, and once for a store in memory.
const SESSION_BYTES: usize = 128 * 1024 * 1024;

/// Limits for clients.
pub fn limits() -> Limits {
    Limits::default()
        .streams(5_000) // 20 kB each: 100 MB
        .streams_per_client(100) // an office behind one address
        .hits_per_user(Quota::per_second(5).map(|quota| quota.burst(20))) // all tabs of a user
}

/// Starts presence with limits for sessions.
pub fn start(max_sessions: usize) -> Result<Presence, Box<dyn Error>> {
    let store = MemoryStore::new().max_bytes(SESSION_BYTES);
    let builder = Presence::builder(store).max_sessions(max_sessions).max_bytes(SESSION_BYTES);
    Ok(builder.max_topics_per_user(64).start()?)
}

/// Presence with these limits for clients.
pub fn app(presence: Presence, limits: Limits) -> Router {
    let sockets = ws::Settings::default().max_message(8 * 1024).topics(16);
    Mount::new(presence).limits(limits).sockets_with(sockets).routes()
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(start(300_000)?, limits());
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    let options = serve::Options::default().max_connections(8_000);
    serve::serve(listener, app, options, serve::terminated()).await;
    Ok(())
}
