//! The process: settings, logs, the server.

use clap::Parser;
use job_events::{Access, Service, Settings, Stores, app, options, record};
use mimalloc::MiMalloc;
use presence_axum::serve::{serve, terminated};
use presence_core::SystemClock;
use std::error::Error;
use std::io::{IsTerminal, stdout};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Returns much of its memory to the system after a flood, in contrast to that
/// of glibc (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The NATS client logs every attempt to connect; the store logs an outage once.
    let logs = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,async_nats=off"));
    tracing_subscriber::fmt().with_env_filter(logs).with_ansi(stdout().is_terminal()).init();
    let settings = Settings::parse();
    // Fails only if a provider is installed already, which is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    record();
    let access = Access::of(&settings.tokens, SystemClock)?;
    let stores = Stores::open(&settings).map_err(|error| error.to_string())?;
    let service = Service::new(&stores, &settings, access);
    #[cfg(feature = "pubsub")]
    let _pulling = job_events::pull::start(&settings.pubsub, service.intake());
    #[cfg(not(feature = "pubsub"))]
    if !settings.pubsub.google_cloud_project_id.is_empty() {
        tracing::warn!("built without the feature `pubsub`: nothing is pulled");
    }

    let (host, port) = (settings.host, settings.port);
    let bound = TcpListener::bind((host, port)).await;
    let listener = bound.map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(listener, app(service, &settings), options(&settings), terminated()).await;
    stores.presence.shutdown().await;
    Ok(())
}
