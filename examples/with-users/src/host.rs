//! The app before presence was added: users, login sessions, and the members of rooms.

use axum::extract::{FromRef, FromRequestParts, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Json, Router, routing};
use http::request::Parts;
use http::{StatusCode, header};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// The state of the app: a "database" of users, and the login sessions.
#[derive(Clone, Default)]
pub struct Host {
    sessions: Arc<Mutex<HashMap<String, User>>>,
}

/// A user in the database.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct User {
    /// The key in the database.
    pub id: u32,
    /// The name that others see.
    pub name: &'static str,
    /// Whether the user is an administrator.
    pub is_admin: bool,
    #[serde(skip)]
    password: &'static str,
    #[serde(skip)]
    team: &'static str,
}

const USERS: [User; 3] = [
    User { id: 1, name: "Ada", is_admin: false, password: "ada", team: "engines" },
    User { id: 2, name: "Bob", is_admin: false, password: "bob", team: "looms" },
    User { id: 3, name: "Carol", is_admin: true, password: "carol", team: "looms" },
];

impl Host {
    /// Whether a user may enter a room: `team/engines` is for that team, all other rooms
    /// are for everybody.
    pub fn admits(&self, user: &str, room: &str) -> bool {
        let team = room.strip_prefix("team/");
        team.is_none_or(|team| USERS.iter().any(|known| known.id.to_string() == user && known.team == team))
    }
}

/// The logged-in user: what the app's handlers extract.
pub struct LoggedIn(pub User);

impl<S> FromRequestParts<S> for LoggedIn
where
    S: Send + Sync,
    Host: FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let id = session(parts).ok_or(StatusCode::UNAUTHORIZED)?;
        let user = Host::from_ref(state).sessions.lock().get(id).copied();
        user.map(Self).ok_or(StatusCode::UNAUTHORIZED)
    }
}

fn session(parts: &Parts) -> Option<&str> {
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| cookie.trim().strip_prefix("session="))
}

/// The app's own routes.
pub fn routes() -> Router<Host> {
    Router::new()
        .route("/login", routing::post(login))
        .route("/logout", routing::post(logout))
        .route("/me", routing::get(me))
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn login(State(host): State<Host>, Json(login): Json<Login>) -> Result<Response, StatusCode> {
    let known = |user: &&User| user.name == login.name && user.password == login.password;
    let user = *USERS.iter().find(known).ok_or(StatusCode::UNAUTHORIZED)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let id = random.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    });
    let cookie = format!("session={id}; Path=/; HttpOnly; SameSite=Lax");
    host.sessions.lock().insert(id, user);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(user)).into_response())
}

/// Ends the login session of the request, if there is one.
async fn logout(State(host): State<Host>, parts: Parts) -> StatusCode {
    if let Some(id) = session(&parts) {
        host.sessions.lock().remove(id);
    }
    StatusCode::NO_CONTENT
}

async fn me(LoggedIn(user): LoggedIn) -> Json<User> {
    Json(user)
}
