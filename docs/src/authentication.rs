//! Tokens identify callers; a hook decides what they may do.

use presence_axum::auth::{Action, Hs256, Identity, Resource};
use presence_axum::{Mount, serve};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::error::Error;
use tokio::net::TcpListener;

/// Presence for callers with a token that is signed with `secret`.
pub fn app(presence: Presence, secret: &str) -> axum::Router {
    let tokens = Hs256::new(secret).issuer("https://id.example").audience("presence");
    let mount = Mount::new(presence).identify(tokens).authorize(may);
    axum::Router::new().nest("/presence", mount.routes())
}

/// Rooms whose name begins with `staff/` need a token with the claim `"staff": true`.
fn may(who: &Identity, action: Action, on: Resource<'_>) -> bool {
    let is_staff = || who.claim(&["staff"]).is_some_and(|claim| claim == true);
    match (action, on) {
        // Acting for another user, and disconnecting one.
        (Action::SpeakFor | Action::Kick, _) => who.is_admin(),
        (_, Resource::Topic(room)) if room.as_str().starts_with("staff/") => is_staff(),
        _ => who.user().is_some(),
    }
}

/// Serves it on port 8080.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("TOKEN_SECRET")?;
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await?;
    serve::serve(listener, app(presence, &secret), serve::Options::default(), serve::terminated()).await;
    Ok(())
}
