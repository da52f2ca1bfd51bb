//! A live list of a user's online friends. The host knows who is whose friend.

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::{Router, http::StatusCode, routing::get};
use futures_util::{Stream, StreamExt};
use presence_axum::serve;
use presence_core::{Presence, Scope, UserId};
use presence_memory::MemoryStore;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Returns the friends of a user, like a database query.
pub type Friends = Arc<dyn Fn(&UserId) -> Vec<UserId> + Send + Sync>;

/// `GET /friends/{user}`: the online friends, and the new list after each change.
pub fn app(presence: Presence, friends: Friends) -> Router {
    let own = Router::new().route("/friends/{user}", get(stream)).with_state((presence.clone(), friends));
    presence_axum::Mount::new(presence).routes().merge(own)
}

async fn stream(
    State((presence, friends)): State<(Presence, Friends)>,
    Path(user): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, StatusCode> {
    let friends = friends(&UserId::new(user).map_err(|_| StatusCode::BAD_REQUEST)?);
    // Up to 10,000 users. An update is a snapshot or a diff; here it only signals a change.
    let updates = presence.subscribe(&Scope::users(friends.iter().cloned()));
    let frames = updates.map(move |_| Event::default().json_data(online(&presence, &friends)));
    Ok(Sse::new(frames).keep_alive(KeepAlive::default()))
}

fn online(presence: &Presence, friends: &[UserId]) -> Vec<String> {
    let known = presence.users(friends).into_iter().flatten();
    known
        .filter(|friend| friend.member.liveness.is_live())
        .map(|friend| friend.member.user.to_string())
        .collect()
}

/// Serves it on port 8080; everybody is a friend of Ada and Bob.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let friends = vec![UserId::new("ada")?, UserId::new("bob")?];
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    let app = app(presence, Arc::new(move |_| friends.clone()));
    serve::serve(listener, app, serve::Options::default(), serve::terminated()).await;
    Ok(())
}
