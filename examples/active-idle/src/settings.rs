//! Settings, from flags and environment.

use clap::Parser;
use presence_axum::Cors;
use std::net::IpAddr;

/// Active and idle visitors over HTTP hits and Server-Sent Events.
#[derive(Debug, Parser)]
pub struct Settings {
    /// The address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// The port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The origin whose pages may call.
    #[arg(long, env = "CORS_ALLOW_ORIGIN", default_value = "https://solar-system-82998.bubbleapps.io")]
    pub cors_allow_origin: Cors,
    /// The largest event of the stream, in bytes; longer lists are cut, and the event says so.
    #[arg(long, env = "MAX_FRAME", default_value_t = 2 * 1024 * 1024)]
    pub max_frame: usize,
}
