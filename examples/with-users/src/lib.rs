//! Presence in an app that has user accounts: login sessions in cookies, a database, and rooms with
//! restricted access.
//!
//! [`host`] is the app itself; [`app`] is everything that presence adds to it.

pub mod host;

use axum::response::IntoResponse;
use axum::{Router, routing};
use host::{Host, LoggedIn};
use presence_axum::auth::{Action, Identity, Resource, from_extractor};
use presence_axum::{Mount, assets};
use presence_core::{Presence, UserId};

/// The app with presence under `/presence`.
///
/// Logged-in users may act for themselves only; team rooms are for the team; logging out closes
/// open streams and sockets.
pub fn app(presence: Presence) -> Router {
    let host = Host::default();
    // presence
    let rooms = host.clone();
    let mount = Mount::new(presence)
        .identify(from_extractor(host.clone(), |LoggedIn(user): LoggedIn| {
            let id = UserId::new(user.id.to_string())?;
            let caller = Identity::from_host(id).named(user.name);
            Ok(if user.is_admin { caller.admin() } else { caller })
        }))
        .authorize(move |who: &Identity, action: Action, on: Resource<'_>| match (action, on) {
            (Action::SpeakFor | Action::Kick, _) => who.is_admin(),
            (_, Resource::Topic(room)) => who.subject().is_some_and(|user| rooms.admits(user, room.as_str())),
            _ => true,
        });
    let presence = mount.routes();
    // end of presence
    host::routes().route("/", routing::get(index)).nest("/presence", presence).with_state(host)
}

async fn index() -> impl IntoResponse {
    assets::html(include_str!("../assets/index.html"))
}
