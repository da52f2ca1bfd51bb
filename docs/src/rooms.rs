//! Rooms are topics: they need not be created, and an empty one takes no memory.

use axum::extract::{Path, State};
use axum::{Json, Router, http::StatusCode, routing::get};
use presence_axum::{Mount, serve};
use presence_core::{Liveness, Presence, Topic};
use presence_memory::MemoryStore;
use std::error::Error;
use tokio::net::TcpListener;

/// The routes of presence, and two own routes about rooms.
pub fn app(presence: Presence) -> Router {
    let own = Router::new()
        .route("/rooms", get(fullest))
        .route("/rooms/{room}", get(room))
        .with_state(presence.clone());
    Mount::new(presence).routes().merge(own)
}

/// The ten rooms with the most users.
async fn fullest(State(presence): State<Presence>) -> Json<Vec<(String, u32)>> {
    let rooms = presence.topics(10).into_iter();
    Json(rooms.map(|(room, counts)| (room.to_string(), counts.online)).collect())
}

/// The users in a room, and whether they are active.
async fn room(
    State(presence): State<Presence>,
    Path(room): Path<String>,
) -> Result<Json<Vec<(String, bool)>>, StatusCode> {
    let room = Topic::new(room).map_err(|_| StatusCode::BAD_REQUEST)?;
    let here = presence.topic(&room).snapshot();
    let members = here.members.values();
    Ok(Json(members.map(|member| (member.user.to_string(), member.liveness == Liveness::Active)).collect()))
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app(presence), serve::Options::default(), serve::terminated()).await;
    Ok(())
}
