//! Behind one proxy, which speaks HTTP/2 or HTTP/3 to browsers and HTTP/1.1 to this process.

use axum::Router;
use presence_axum::limits::Quota;
use presence_axum::{Limits, Mount, serve};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

/// Limits per client address as the proxy sees it.
pub fn limits() -> Limits {
    Limits::default()
        // The proxy appends the last address of `X-Forwarded-For`; clients can forge the others.
        .trusted_proxies(1)
        .hits_per_client(Quota::per_second(50).map(|quota| quota.burst(100)))
}

/// Presence under a path of the site.
pub fn app(presence: Presence, limits: Limits) -> Router {
    Router::new().nest("/presence", Mount::new(presence).limits(limits).routes())
}

/// Serves it on port 8080 of the loopback address, which only the proxy can reach.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    // Longer than the proxy keeps idle connections, so that it never uses one that is closing.
    let options = serve::Options::default().header_timeout(Duration::from_secs(75));
    serve::serve(listener, app(presence, limits()), options, serve::terminated()).await;
    Ok(())
}
