//! Kicks a user off all processes, and keeps them away for ten minutes.

use axum::extract::{Path, State};
use axum::{Router, http::StatusCode, routing::post};
use presence_axum::{Mount, serve};
use presence_core::{Beat, DisconnectTarget, Ended, Presence, SessionId, UserId};
use presence_memory::MemoryStore;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

/// `POST /kick/{user}` and the routes of presence. Add your own check of rights.
pub fn app(presence: Presence) -> Router {
    let own = Router::new().route("/kick/{user}", post(kick)).with_state(presence.clone());
    Mount::new(presence).routes().merge(own)
}

async fn kick(State(presence): State<Presence>, Path(user): Path<String>) -> Result<String, StatusCode> {
    let user = UserId::new(user).map_err(|_| StatusCode::BAD_REQUEST)?;
    let until = presence.disconnect(&DisconnectTarget::User(user), Duration::from_mins(10)).await;
    // On an error the block applies in this process at once, and is stored as soon as possible.
    let until = until.map_err(|_| StatusCode::ACCEPTED)?;
    Ok(format!("kept away until {}", until.as_millis()))
}

/// A connection of the host's own: the user is online while it is open, and a kick closes it.
pub async fn connection(
    presence: Presence,
    user: UserId,
    session: SessionId,
    closed_by_client: impl Future<Output = ()>,
) -> Result<Option<Ended>, Box<dyn Error + Send + Sync>> {
    let hold = presence.hold(Beat::enter(user, session))?;
    tokio::select! {
        why = hold.ended() => Ok(Some(why)),
        () = closed_by_client => Ok(None), // dropping `hold` leaves after the grace
    }
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app(presence), serve::Options::default(), serve::terminated()).await;
    Ok(())
}
