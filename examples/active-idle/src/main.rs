//! The process: settings, logs, the server.

use active_idle::{Settings, app, policy};
use clap::Parser;
use mimalloc::MiMalloc;
use presence_axum::serve::{Options, serve, terminated};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::error::Error;
use std::io::{IsTerminal, stdout};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Limits for the number of sessions and for their memory in bytes. The memory limit applies once
/// to the roster and once to the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Returns much of its memory to the system after a flood, in contrast to that
/// of glibc (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let logs = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(logs).with_ansi(stdout().is_terminal()).init();
    let Settings { host, port, cors_allow_origin, max_frame } = Settings::parse();

    let store = MemoryStore::new().max_bytes(MAX_BYTES);
    let presence =
        Presence::builder(store).policy(policy()).max_sessions(MAX_SESSIONS).max_bytes(MAX_BYTES).start()?;
    let bound = TcpListener::bind((host, port)).await;
    let listener = bound.map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(listener, app(presence.clone(), cors_allow_origin, max_frame), Options::default(), terminated())
        .await;
    presence.shutdown().await;
    Ok(())
}
