//! The routes of a mount, each by its name.

use crate::{Mount, assets, health, hit, kick, rest, sse, ws};
use axum::routing::{MethodRouter, get, post};

/// One route of a [`Mount`], to leave it out ([`Mount::without`]) or to give it another path
/// ([`Mount::route`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `POST /v1/hit`.
    Hit,
    /// `GET /v1/users`.
    Users,
    /// `GET /v1/users/{user}`.
    User,
    /// `POST /v1/users/{user}/disconnect`.
    Disconnect,
    /// `GET /v1/counts`.
    Counts,
    /// `GET /v1/list`.
    List,
    /// `GET /v1/topics`.
    Topics,
    /// `GET` and `POST /v1/sse`.
    Stream,
    /// `GET /v1/sse/snapshot`.
    Snapshot,
    /// `GET /v1/sse/diff`.
    Diff,
    /// `GET /v1/ws`.
    Socket,
    /// `GET /v1/health`.
    Health,
    /// `GET /presence.js`.
    Client,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Hit,
        Self::Users,
        Self::User,
        Self::Disconnect,
        Self::Counts,
        Self::List,
        Self::Topics,
        Self::Stream,
        Self::Snapshot,
        Self::Diff,
        Self::Socket,
        Self::Health,
        Self::Client,
    ];

    /// Its path in [`Mount::routes`].
    pub fn path(self) -> &'static str {
        match self {
            Self::Hit => "/v1/hit",
            Self::Users => "/v1/users",
            Self::User => "/v1/users/{user}",
            Self::Disconnect => "/v1/users/{user}/disconnect",
            Self::Counts => "/v1/counts",
            Self::List => "/v1/list",
            Self::Topics => "/v1/topics",
            Self::Stream => "/v1/sse",
            Self::Snapshot => "/v1/sse/snapshot",
            Self::Diff => "/v1/sse/diff",
            Self::Socket => "/v1/ws",
            Self::Health => "/v1/health",
            Self::Client => "/presence.js",
        }
    }

    pub(crate) fn handler(self) -> MethodRouter<Mount> {
        match self {
            Self::Hit => post(hit::post),
            Self::Users => get(rest::users),
            Self::User => get(rest::user),
            Self::Disconnect => post(kick::post),
            Self::Counts => get(rest::counts),
            Self::List => get(rest::list),
            Self::Topics => get(rest::topics),
            Self::Stream => get(sse::get).post(sse::post),
            Self::Snapshot => get(sse::snapshot),
            Self::Diff => get(sse::diff),
            Self::Socket => get(ws::get),
            Self::Health => get(health::report),
            Self::Client => get(assets::presence_js),
        }
    }
}
