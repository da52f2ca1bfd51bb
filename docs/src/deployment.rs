//! A process for an orchestrator: probes, logs, metrics, and a graceful shutdown.

use axum::{Router, routing::get};
use metrics_exporter_prometheus::PrometheusBuilder;
use presence_axum::{Mount, health, serve};
use presence_core::{Presence, PresenceStore};
use presence_memory::MemoryStore;
use std::error::Error;
use tokio::net::TcpListener;

/// Serves until `terminated` completes, then drains within ten seconds.
pub async fn run(
    store: impl PresenceStore,
    listener: TcpListener,
    terminated: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    // The name of the pod, so that operators recognise the process in the store and in logs.
    let label = std::env::var("HOSTNAME").unwrap_or_else(|_| "node".to_owned());
    let presence = Presence::builder(store).label(label).start()?;
    let probes = Router::new()
        .route("/healthz", get(health::alive)) // the process runs: restart it if this fails
        .route("/readyz", get(health::ready)) // the view is fresh: send no clients while this fails
        .with_state(presence.clone());
    let app = Mount::new(presence.clone()).routes().merge(probes);

    // Closes the listener, tells each stream and socket to reconnect at a random moment, then
    // writes pending changes to the store. Clients that reconnect in time are not seen to leave.
    serve::serve(listener, app, serve::Options::default(), terminated).await;
    presence.shutdown().await;
    Ok(())
}

/// Serves it on port 8080, with logs, and metrics for Prometheus under `/metrics` on port 9090.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().json().init();
    // Installed first, so that no metric is missed.
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let admin = Router::new().route("/metrics", get(move || std::future::ready(metrics.render())));
    let port = TcpListener::bind(("0.0.0.0", 9090)).await?;
    tokio::spawn(async move { axum::serve(port, admin).await });

    let listener = TcpListener::bind(("0.0.0.0", 8080)).await?;
    run(MemoryStore::new(), listener, serve::terminated()).await
}
