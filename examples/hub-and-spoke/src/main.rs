//! The process: settings, logs, the server.

use clap::Parser;
use hub_and_spoke::node::{self, center, leaf};
use hub_and_spoke::{NodeType, Service, Settings, StoreSettings, app, logs, record, rule, server};
use mimalloc::MiMalloc;
use presence_axum::auth::Auth;
use presence_axum::serve::{serve, terminated};
use presence_core::SystemClock;
use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Returns much of its memory to the system after a flood, in contrast to that
/// of glibc (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(said) => {
            // `--help` is not an error.
            let _ = said.print();
            return if said.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let (filter, unreadable) = logs::filter(&settings.log_level);
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    if let Some(level) = unreadable {
        tracing::warn!(level, "LOG_LEVEL cannot be read and counts as info");
    }
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Printed even if the log is silenced, so that the reason for the exit is always shown.
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!("{error}");
            } else {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    let auth = Auth::new(settings.tokens()?).authorize(rule(settings.writes()));
    let cors = settings.cors.cors()?;
    let kept = settings.store()?;
    match &kept {
        StoreSettings::Memory => {
            tracing::warn!("no NATS_URL is set: statuses are kept in memory, and end with this process");
        }
        // The URLs are not logged, since they may contain a password.
        StoreSettings::Nats { domain, bucket, .. } => {
            tracing::info!(bucket, domain, "statuses are kept in NATS KV");
        }
    }
    let store = node::store(&kept, &settings.node_id)?;

    record();
    let (statuses, presence) = match settings.node_type {
        NodeType::Center => {
            let (statuses, presence) = center(&store, SystemClock, settings);
            (statuses, Some(presence))
        }
        NodeType::Leaf => (leaf(&store, SystemClock, settings), None),
    };
    let service = Service::new(statuses, auth).setting(kept.setting());

    let (host, port) = (settings.service_host, settings.service_port);
    let bound = TcpListener::bind((host, port)).await;
    let listener = bound.map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    tracing::info!(address = %listener.local_addr()?, node = %settings.node_id, "listening");
    tokio::spawn(service.clone().log_whether_the_store_answers());
    serve(listener, app(service, cors.clone()), server(cors), terminated()).await;
    if let Some(presence) = presence {
        presence.shutdown().await;
    }
    Ok(())
}
