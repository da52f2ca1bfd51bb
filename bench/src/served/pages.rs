//! The service page-hits on Redis.

use crate::Outcome;
use axum::Router;
use clap::Parser;
use page_hits::{Settings, app, open};

/// An instance made like that of its `main`, on the Redis server at this port.
pub async fn service(port: usize) -> Outcome<Router> {
    let url = format!("redis://127.0.0.1:{port}");
    let settings = Settings::parse_from(["page-hits", "--redis-url", &url]);
    let (presence, probe) = open(&settings.redis, settings.ttl())?;
    presence.ready().await;
    Ok(app(presence, probe, settings.cors_origins))
}
