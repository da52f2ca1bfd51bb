//! The process: settings, logs, the server.

use clap::Parser;
use mimalloc::MiMalloc;
use page_hits::{Settings, app, open};
use presence_axum::serve::{Options, serve, terminated};
use std::error::Error;
use std::io::{IsTerminal, stdout};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tracing_subscriber::EnvFilter;

/// How long the process waits at start for the content of the store before it listens.
const FILLED_IN: Duration = Duration::from_secs(5);

/// Returns much of its memory to the system after a flood, in contrast to that
/// of glibc (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let logs = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours only for a terminal: log collectors search for tags.
    tracing_subscriber::fmt().with_env_filter(logs).with_ansi(stdout().is_terminal()).init();
    let settings = Settings::parse();
    // Fails only if a provider is installed already, which is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let (presence, probe) = open(&settings.redis, settings.ttl()).map_err(|error| error.to_string())?;
    // The first viewers should see the visitors that are in the store. If the store is down, the
    // service starts at once.
    if probe.answers().await.is_ok() && timeout(FILLED_IN, presence.ready()).await.is_err() {
        tracing::warn!("starting before all content of the store was received");
    }
    let Settings { host, port, cors_origins, .. } = settings;
    let bound = TcpListener::bind((host, port)).await;
    let listener = bound.map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(listener, app(presence.clone(), probe, cors_origins), Options::default(), terminated()).await;
    presence.shutdown().await;
    Ok(())
}
