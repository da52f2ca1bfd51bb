//! The names of a mount's routes.

use crate::error::method_not_allowed;
use crate::{Mount, PresenceLayer, assets, health, hit, kick, rest, sse, ws};
use axum::routing::{MethodRouter, get, post};

/// A route of a [`Mount`], to leave out ([`Mount::without`]) or to give
/// another path ([`Mount::route`]).
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
    /// All routes.
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

    /// The path in [`Mount::routes`].
    ///
    /// ```
    /// use presence_axum::Route;
    /// assert_eq!(Route::Hit.path(), "/v1/hit");
    /// ```
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

    /// What answers it, within a layer.
    pub(crate) fn handler(self, layer: &PresenceLayer) -> MethodRouter<Mount> {
        let routes = match self {
            Self::Hit => post(layer.around(hit::Post)),
            Self::Users => get(layer.around(rest::users)),
            Self::User => get(layer.around(rest::user)),
            Self::Disconnect => post(layer.around(kick::post)),
            Self::Counts => get(layer.around(rest::counts)),
            Self::List => get(layer.around(rest::list)),
            Self::Topics => get(layer.around(rest::topics)),
            Self::Stream => get(layer.around(sse::get)).post(layer.around(sse::post)),
            Self::Snapshot => get(layer.around(sse::snapshot)),
            Self::Diff => get(layer.around(sse::diff)),
            Self::Socket => get(layer.around(ws::get)),
            Self::Health => get(layer.around(health::report)),
            Self::Client => get(layer.around(assets::presence_js)),
        };
        // A preflight is one of the other methods.
        routes.fallback(layer.around(method_not_allowed))
    }
}
