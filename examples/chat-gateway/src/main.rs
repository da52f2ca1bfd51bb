//! The process: settings, logs, the server.

use chat_gateway::{Settings, logs, record, run};
use clap::Parser;
use mimalloc::MiMalloc;
use presence_axum::serve::terminated;
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
    match start(&settings).await {
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

async fn start(settings: &Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Fails only if a provider is installed already, which is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    record();
    let (host, port) = (settings.service_host, settings.service_port);
    let bound = TcpListener::bind((host, port)).await;
    let listener = bound.map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    run(settings, listener, terminated()).await
}
