//! "Ada is typing" and messages, over the socket. A broker carries both between processes.

use axum::extract::{Path, State};
use axum::{Router, http::StatusCode, routing::post};
use presence_axum::{Mount, serve, ws};
use presence_core::broker::Publish;
use presence_core::{Broker, Presence, Topic};
use presence_memory::{MemoryBroker, MemoryStore};
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Presence with typing and messages, and `POST /announce/{room}` for the server's own messages.
pub fn app(presence: Presence) -> Router {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new());
    let own = Router::new().route("/announce/{room}", post(announce)).with_state(Arc::clone(&broker));
    Mount::new(presence).broker(broker).routes().merge(own)
}

/// Sends the body, a JSON value, to all subscribers of the room.
async fn announce(
    State(broker): State<Arc<dyn Broker>>,
    Path(room): Path<String>,
    body: String,
) -> Result<StatusCode, StatusCode> {
    let channel = Topic::new(room).ok().and_then(|room| ws::channel_of(&room));
    let channel = channel.ok_or(StatusCode::BAD_REQUEST)?;
    broker.publish(Publish::new(channel, body)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(StatusCode::ACCEPTED)
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app(presence), serve::Options::default(), serve::terminated()).await;
    Ok(())
}
