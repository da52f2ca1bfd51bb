//! Presence in an app that has users of its own: sessions in cookies, a database, rooms that not
//! everybody may enter.
//!
//! [`host`] is the app as it was; [`app`] is all that presence adds to it.

pub mod host;

use axum::response::IntoResponse;
use axum::{Router, routing};
use host::{Host, LoggedIn};
use presence_axum::auth::{Action, Identity, Resource, from_extractor};
use presence_axum::{Mount, assets};
use presence_core::{Presence, UserId};

/// The app with presence under `/presence`.
///
/// Whoever is logged in speaks for themselves, and for nobody else; team rooms are for the team;
/// whoever logs out loses what is still open.
pub fn app(presence: Presence) -> Router {
    let host = Host::default();
    // presence
    let rooms = host.clone();
    let mount = Mount::new(presence)
        .identify(from_extractor(host.clone(), |LoggedIn(user): LoggedIn| {
            let id = UserId::new(user.id.to_string())?;
            Ok(Identity::from_host(id).named(user.name).admin(user.is_admin))
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
