//! The service job-events, in memory or on Redis.

use crate::Outcome;
use axum::Router;
use clap::Parser;
use job_events::{Access, Service, Settings, Stores, app};

/// An instance made like that of its `main`: on the Redis server at this port, or in memory for
/// port 0.
pub fn service(port: usize) -> Outcome<Router> {
    let url = format!("redis://127.0.0.1:{port}");
    let fixed = ["job-events", "--rate-limit", "0"];
    let redis = ["--redis-url", &url];
    let settings = Settings::parse_from(fixed.iter().chain(redis.iter().filter(|_| port > 0)));
    let stores = Stores::open(&settings)?;
    Ok(app(Service::new(&stores, &settings, Access::default()), &settings))
}
