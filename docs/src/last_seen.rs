//! "Last seen three days ago": kept for as long as the policy allows, and erased on request.

use axum::extract::{Path, State};
use axum::{Router, http::StatusCode, routing::get};
use presence_axum::{Mount, serve};
use presence_core::{Policy, Presence, UserId};
use presence_memory::MemoryStore;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

/// When a user was last seen is personal data: kept for 30 days here, by default not at all.
pub fn policy() -> Policy {
    Policy::default().remember_for(Duration::from_hours(30 * 24))
}

/// `GET /seen/{user}`, `DELETE /seen/{user}` and the routes of presence.
pub fn app(presence: Presence) -> Router {
    let own = Router::new().route("/seen/{user}", get(seen).delete(forget)).with_state(presence.clone());
    Mount::new(presence).routes().merge(own)
}

async fn seen(State(presence): State<Presence>, Path(user): Path<String>) -> Result<String, StatusCode> {
    let user = UserId::new(user).map_err(|_| StatusCode::BAD_REQUEST)?;
    let known = presence.user(&user).ok_or(StatusCode::NOT_FOUND)?;
    if known.member.liveness.is_live() {
        return Ok("online".to_owned());
    }
    // By the store's time, like all times of presence.
    let seconds = known.last_seen.map(|at| presence.now().since(at).as_secs());
    seconds.map(|seconds| format!("last seen {seconds} s ago")).ok_or(StatusCode::NOT_FOUND)
}

/// Removes all data of a user, on all processes and in the store.
async fn forget(State(presence): State<Presence>, Path(user): Path<String>) -> StatusCode {
    let Ok(user) = UserId::new(user) else { return StatusCode::BAD_REQUEST };
    match presence.erase(&user).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE, // not erased everywhere yet: try again
    }
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).policy(policy()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app(presence), serve::Options::default(), serve::terminated()).await;
    Ok(())
}
