//! Presence on this library: its routes, on memory or on Redis.
//!
//! All clients have the address of the driver, hence [`Limits::shared`]; everything else is the
//! default. `LARGE` is the number of users up to which a room is sent as a list.

mod process;

use presence_axum::serve::{Options, serve, terminated};
use presence_axum::{Limits, Mount, ws};
use presence_core::{Broker, Presence, PresenceStore};
use presence_memory::{MemoryBroker, MemoryStore};
use presence_redis::{BrokerOptions, Namespace, RedisBroker, RedisStore};
use std::error::Error;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (store, broker) = stores()?;
    let presence = Presence::builder(store).start()?;
    let mut sockets = ws::Settings::default();
    if let Some(large) = process::setting("LARGE") {
        sockets.large = large.parse()?;
    }
    let limits = Limits::shared().streams(50_000);
    let app = Mount::new(presence.clone()).broker(broker).limits(limits).sockets_with(sockets).routes();
    presence.ready().await;
    let listener = process::listen()?;
    serve(listener, app, Options::default(), terminated()).await;
    presence.shutdown().await;
    Ok(())
}

/// The store of sessions and the broker of messages.
type Stores = (Arc<dyn PresenceStore>, Arc<dyn Broker>);

fn stores() -> Result<Stores, Box<dyn Error>> {
    let Some(url) = process::setting("REDIS") else {
        return Ok((Arc::new(MemoryStore::new()), Arc::new(MemoryBroker::new())));
    };
    let namespace = Namespace::new("peers")?;
    let store = RedisStore::connect(&url, presence_redis::Options::new(namespace.clone()))?;
    let broker = RedisBroker::connect(&url, BrokerOptions::new(namespace))?;
    Ok((Arc::new(store), Arc::new(broker)))
}
