//! The whole of it in one value.

use crate::auth::{Auth, Authorize, Identify};
use crate::layer::PresenceLayer;
use crate::limits::{Limiter, Limits};
use crate::sse::Streams;
use crate::wire::Socket;
use crate::ws;
use crate::{Cors, Route};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::MethodRouter;
use presence_core::{Broker, Presence};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A presence and how it is served: mount its [`routes`](Self::routes), or give its handlers paths
/// of your own.
///
/// An app that has users says how it knows them: [`identify`](Self::identify), and
/// [`auth`](crate::auth) for the whole story.
///
/// ```no_run
/// # async fn example(presence: presence_core::Presence) -> std::io::Result<()> {
/// use presence_axum::{Mount, serve};
///
/// let mount = Mount::new(presence);
/// let app = axum::Router::new().nest("/presence", mount.routes());
/// let listener = tokio::net::TcpListener::bind(("127.0.0.1", 8080)).await?;
/// serve::serve(listener, app, serve::Options::default(), serve::terminated()).await;
/// # Ok(()) }
/// ```
///
/// Each handler also stands alone. It asks the host's state for the mount:
///
/// ```
/// use axum::{Router, extract::FromRef, routing::post};
/// use presence_axum::{Mount, hit};
///
/// #[derive(Clone)]
/// struct Host {
///     presence: Mount,
/// }
///
/// impl FromRef<Host> for Mount {
///     fn from_ref(host: &Host) -> Mount {
///         host.presence.clone()
///     }
/// }
///
/// let routes: Router<Host> = Router::new().route("/here", post(hit::post));
/// # let _ = routes;
/// ```
#[derive(Clone)]
pub struct Mount(Arc<Inner>);

/// Cloned only while it is being set up; handlers share it.
#[derive(Clone)]
struct Inner {
    presence: Presence,
    tick: Duration,
    check: Duration,
    auth: Auth,
    cors: Option<Cors>,
    gate: Limiter,
    without: BTreeSet<Route>,
    /// Whether it has been said that bodies are believed.
    warned: Arc<AtomicBool>,
    streams: Arc<Streams>,
    broker: Option<Arc<dyn Broker>>,
    socket_settings: ws::Settings,
    sockets: Arc<OnceLock<Arc<ws::Core>>>,
}

impl Mount {
    /// How often the snapshot stream tells, unless told otherwise.
    pub const TICK: Duration = Duration::from_secs(2);

    /// How often it is asked again whether who watches may go on, unless told otherwise.
    pub const CHECK: Duration = Duration::from_secs(30);

    /// Serves this presence with the defaults.
    ///
    /// Until [`identify`](Self::identify) is set, whoever reaches its routes is believed to be whom
    /// a body names.
    pub fn new(presence: Presence) -> Self {
        Self(Arc::new(Inner {
            tick: Self::TICK,
            check: Self::CHECK,
            auth: Auth::believing(),
            cors: None,
            gate: gate(&presence, Limits::default()),
            without: BTreeSet::new(),
            warned: Arc::default(),
            presence,
            streams: Arc::default(),
            broker: None,
            socket_settings: ws::Settings::default(),
            sockets: Arc::default(),
        }))
    }

    fn with(self, set: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        set(&mut inner);
        // A mount that is set otherwise shares no streams with the one it was made from.
        inner.streams = Arc::default();
        inner.sockets = Arc::default();
        Self(Arc::new(inner))
    }

    /// Asks this who calls, on every route: an [`Authenticator`](crate::auth::Authenticator) of
    /// tokens, or what the host knows by itself ([`from_extractor`](crate::auth::from_extractor),
    /// [`from_fn`](crate::auth::from_fn)).
    ///
    /// A hit that names no user is then the caller's, and one that names another is refused with 403. Default: nobody is
    /// asked, and bodies are believed; a warning says so when the routes are made.
    pub fn identify(self, identify: impl Identify) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().identify_by(identify))
    }

    /// Asks this hook what a caller may do, on every route. Default: everybody speaks for
    /// themselves and sees everybody; [administrators](crate::auth::Identity::is_admin) may also
    /// speak for others and disconnect them.
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().authorize(authorize))
    }

    /// Asks the same as handlers of the host's own.
    pub fn auth(self, auth: Auth) -> Self {
        self.with(|inner| inner.auth = auth)
    }

    /// How often it is asked again whether who watches may go on: whoever has logged out, or has
    /// lost the right, loses the stream. Default 30 s; at least 1 s. A token's end is known and is
    /// not waited for.
    pub fn check(self, every: Duration) -> Self {
        self.with(|inner| inner.check = every.max(Duration::from_secs(1)))
    }

    /// Bounds of bodies, streams and rates. Default [`Limits::default`].
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|inner| inner.gate = gate(&inner.presence, limits))
    }

    /// How often the snapshot stream tells. Default 2 s; at least 10 ms.
    pub fn tick(self, every: Duration) -> Self {
        self.with(|inner| inner.tick = every)
    }

    /// Carries messages and short-lived values on sockets over this broker. Default: they carry
    /// presence alone.
    pub fn broker(self, broker: impl Broker) -> Self {
        self.with(|inner| inner.broker = Some(Arc::new(broker)))
    }

    /// What clients of the socket may do. Default [`ws::Settings::default`].
    pub fn sockets_with(self, settings: ws::Settings) -> Self {
        self.with(|inner| inner.socket_settings = settings)
    }

    /// Lets pages of other origins call. Default: none may.
    pub fn cors(self, cors: Cors) -> Self {
        self.with(|inner| inner.cors = Some(cors))
    }

    /// Leaves a route out of [`routes`](Self::routes): the host has one of its own in that place.
    pub fn without(self, route: Route) -> Self {
        self.with(|inner| {
            inner.without.insert(route);
        })
    }

    /// The presence that is served.
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// What the limits let in.
    pub fn gate(&self) -> &Limiter {
        &self.0.gate
    }

    /// Who calls, and what they may do.
    pub(crate) fn guard(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn listed(&self) -> Option<&Cors> {
        self.0.cors.as_ref()
    }

    pub(crate) fn checks_every(&self) -> Duration {
        self.0.check
    }

    pub(crate) fn every(&self) -> Duration {
        self.0.tick
    }

    /// The broker that sockets carry messages over.
    pub(crate) fn carries(&self) -> Option<&Arc<dyn Broker>> {
        self.0.broker.as_ref()
    }

    pub(crate) fn socket_settings(&self) -> &ws::Settings {
        &self.0.socket_settings
    }

    pub(crate) fn sockets(&self) -> &OnceLock<Arc<ws::Core>> {
        &self.0.sockets
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// All routes but those that were left out, with their state: they can be merged or nested into
    /// a router of any state.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.warn();
        let routes = Route::ALL.into_iter().filter(|route| !self.0.without.contains(route));
        let layer = self.layer();
        routes
            .fold(Router::new(), |router, route| router.route(route.path(), route.handler(&layer)))
            .with_state(self.clone())
    }

    /// Whether its routes include the socket.
    pub(crate) fn socket(&self) -> Socket {
        if self.0.without.contains(&Route::Socket) { Socket::Absent } else { Socket::Served }
    }

    /// One route, for a path of the host's choice. The paths of [`Route::User`] and
    /// [`Route::Disconnect`] have one parameter.
    ///
    /// ```
    /// # fn example(mount: &presence_axum::Mount) -> axum::Router {
    /// use presence_axum::Route;
    /// axum::Router::new().route("/here", mount.route(Route::Hit)).route("/who/{user}", mount.route(Route::User))
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
                "nobody is asked who they are: hits are believed to be of the user that they name (Mount::identify)"
            );
        }
    }
}

fn gate(presence: &Presence, limits: Limits) -> Limiter {
    Limiter::with_clock(limits, presence.clock())
}

impl FromRef<Mount> for Presence {
    fn from_ref(mount: &Mount) -> Self {
        mount.presence().clone()
    }
}

impl FromRef<Mount> for Auth {
    fn from_ref(mount: &Mount) -> Self {
        mount.guard().clone()
    }
}

impl FromRef<Mount> for Limiter {
    fn from_ref(mount: &Mount) -> Self {
        mount.gate().clone()
    }
}
