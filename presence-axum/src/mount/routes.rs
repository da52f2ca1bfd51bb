//! The routes of a mount: which there are, and the handlers and layer behind them.

use super::Mount;
use crate::Route;
use crate::layer::PresenceLayer;
use crate::wire::Socket;
use axum::Router;
use axum::routing::MethodRouter;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::Ordering::Relaxed;

impl Mount {
    /// Leaves a route out of [`routes`](Self::routes), so that you can define your own there.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::{Mount, Route};
    /// let mount = Mount::new(presence).without(Route::Users).without(Route::Topics);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn without(self, route: Route) -> Self {
        self.with(|inner| {
            inner.without.insert(route);
        })
    }

    /// Leaves all routes but these out of [`routes`](Self::routes).
    ///
    /// A page that only shows who is here needs the client and its stream:
    ///
    /// ```
    /// # fn example(mount: presence_axum::Mount) -> axum::Router {
    /// use presence_axum::Route;
    /// axum::Router::new().nest("/page", mount.only([Route::Client, Route::Stream]).routes())
    /// # }
    /// ```
    pub fn only(self, routes: impl IntoIterator<Item = Route>) -> Self {
        let wanted: BTreeSet<_> = routes.into_iter().collect();
        self.with(|inner| {
            inner.without = Route::ALL.into_iter().filter(|route| !wanted.contains(route)).collect();
        })
    }

    /// All routes except those left out, with their state: they can be merged or nested into a
    /// router of any state.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// let app: axum::Router = axum::Router::new().nest("/presence", mount.routes());
    /// # drop(app);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.warn();
        let routes = Route::ALL.into_iter().filter(|route| !self.0.without.contains(route));
        let layer = self.layer();
        routes
            .fold(Router::new(), |router, route| router.route(route.path(), route.handler(&layer)))
            .with_state(self.clone())
    }

    /// Whether the routes include the socket.
    pub(crate) fn socket(&self) -> Socket {
        if self.0.without.contains(&Route::Socket) { Socket::Absent } else { Socket::Served }
    }

    /// One route, for a path of your choice. The paths of [`Route::User`] and [`Route::Disconnect`]
    /// need one parameter.
    ///
    /// ```
    /// # fn example(mount: &presence_axum::Mount) -> axum::Router {
    /// use presence_axum::Route;
    /// axum::Router::new()
    ///     .route("/here", mount.route(Route::Hit))
    ///     .route("/who/{user}", mount.route(Route::User))
    /// # }
    /// ```
    pub fn route<S: Clone + Send + Sync + 'static>(&self, route: Route) -> MethodRouter<S, Infallible> {
        self.warn();
        route.handler(&self.layer()).with_state(self.clone())
    }

    fn layer(&self) -> PresenceLayer {
        self.0.cors.clone().map_or_else(PresenceLayer::new, |cors| PresenceLayer::new().cors(cors))
    }

    fn warn(&self) {
        if !self.0.auth.identifies() && !self.0.warned.swap(true, Relaxed) {
            tracing::warn!(
                "callers are not identified: every hit counts for the user that it names (see Mount::identify)"
            );
        }
    }
}
