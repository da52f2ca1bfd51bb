//! [`Mount`]: all routes and their settings in one value.

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

/// A [`Presence`] and how it is served: mount its [`routes`](Self::routes), or give single handlers
/// paths of your own.
///
/// An app with user accounts sets [`identify`](Self::identify); [`auth`](crate::auth) explains how.
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
/// Each handler also works alone. It takes the mount from the host's state:
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

/// Cloned only while the mount is being set up; handlers share one.
#[derive(Clone)]
struct Inner {
    presence: Presence,
    tick: Duration,
    check: Duration,
    auth: Auth,
    cors: Option<Cors>,
    limiter: Limiter,
    without: BTreeSet<Route>,
    /// Whether the warning that callers are not identified was logged.
    warned: Arc<AtomicBool>,
    streams: Arc<Streams>,
    broker: Option<Arc<dyn Broker>>,
    socket_settings: ws::Settings,
    sockets: Arc<OnceLock<Arc<ws::Core>>>,
}

impl Mount {
    /// The default interval of the snapshot stream.
    pub const TICK: Duration = Duration::from_secs(2);

    /// The default interval at which the rights of an open stream are checked again.
    pub const CHECK: Duration = Duration::from_secs(30);

    /// Serves this presence with the defaults.
    ///
    /// Until [`identify`](Self::identify) is set, callers are not identified: a hit counts for the
    /// user that its body names.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// # Ok(mount) }
    /// ```
    pub fn new(presence: Presence) -> Self {
        Self(Arc::new(Inner {
            tick: Self::TICK,
            check: Self::CHECK,
            auth: Auth::none(),
            cors: None,
            limiter: limiter(&presence, Limits::default()),
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
        // The streams are made for the settings of one mount, so a changed copy gets its own.
        inner.streams = Arc::default();
        inner.sockets = Arc::default();
        Self(Arc::new(inner))
    }

    /// Sets how callers are identified on every route: by an
    /// [`Authenticator`](crate::auth::Authenticator) of tokens, or from the host's own session
    /// ([`from_extractor`](crate::auth::from_extractor), [`from_fn`](crate::auth::from_fn)).
    ///
    /// A hit that names no user is then the caller's, and one that names another user is refused
    /// with 403. Default: callers are not identified and bodies are trusted; a warning is logged
    /// when the routes are made.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence, tokens: impl presence_axum::auth::Authenticator) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence).identify(tokens);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn identify(self, identify: impl Identify) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().identify_by(identify))
    }

    /// Sets what callers may do, on every route. Default: users act for themselves and see
    /// everybody; [administrators](crate::auth::Identity::is_admin) may also act for others and
    /// disconnect them.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// use presence_axum::auth::{Action, Identity, Resource};
    ///
    /// let mount = Mount::new(presence).authorize(|who: &Identity, action: Action, on: Resource<'_>| match (action, on) {
    ///     (Action::SpeakFor | Action::Kick, _) => who.is_admin(),
    ///     (_, Resource::Topic(topic)) => !topic.as_str().starts_with("staff/"),
    ///     _ => true,
    /// });
    /// # Ok(mount) }
    /// ```
    pub fn authorize(self, authorize: impl Authorize) -> Self {
        self.with(|inner| inner.auth = inner.auth.clone().authorize(authorize))
    }

    /// Sets both at once, from a value that handlers of the host use as well.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence, tokens: impl presence_axum::auth::Authenticator) {
    /// use presence_axum::{Mount, auth::Auth};
    /// let auth = Auth::new(tokens);
    /// let mount = Mount::new(presence).auth(auth.clone());
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn auth(self, auth: Auth) -> Self {
        self.with(|inner| inner.auth = auth)
    }

    /// How often the rights of an open stream or socket are checked again; one whose caller has
    /// logged out or lost a right is closed. Default 30 s; at least 1 s. The expiry of a token
    /// needs no check: it closes the stream at once.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// use std::time::Duration;
    /// let mount = Mount::new(presence).check(Duration::from_secs(10));
    /// # Ok(mount) }
    /// ```
    pub fn check(self, every: Duration) -> Self {
        self.with(|inner| inner.check = every.max(Duration::from_secs(1)))
    }

    /// Limits on bodies, streams and rates. Default [`Limits::default`].
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::{Limits, Mount};
    /// let mount = Mount::new(presence).limits(Limits::default().trusted_proxies(1));
    /// # Ok(mount) }
    /// ```
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|inner| inner.limiter = limiter(&inner.presence, limits))
    }

    /// The interval of the snapshot stream. Default 2 s; at least 10 ms.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// use std::time::Duration;
    /// let mount = Mount::new(presence).tick(Duration::from_secs(1));
    /// # Ok(mount) }
    /// ```
    pub fn tick(self, every: Duration) -> Self {
        self.with(|inner| inner.tick = every)
    }

    /// Lets sockets carry messages and short-lived values over this broker. Default: they carry
    /// presence only.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// use presence_memory::MemoryBroker;
    /// let mount = Mount::new(presence).broker(MemoryBroker::new());
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn broker(self, broker: impl Broker) -> Self {
        self.with(|inner| inner.broker = Some(Arc::new(broker)))
    }

    /// What clients of the socket may do. Default [`ws::Settings::default`].
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::{Mount, ws};
    /// let mount = Mount::new(presence).sockets_with(ws::Settings::default().topics(16));
    /// # Ok(mount) }
    /// ```
    pub fn sockets_with(self, settings: ws::Settings) -> Self {
        self.with(|inner| inner.socket_settings = settings)
    }

    /// Allows requests from pages of other origins. Default: none.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence).cors("https://app.example".parse()?);
    /// # Ok(mount) }
    /// ```
    pub fn cors(self, cors: Cors) -> Self {
        self.with(|inner| inner.cors = Some(cors))
    }

    /// Leaves a route out of [`routes`](Self::routes), so that you can define your own there.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::{Mount, Route};
    /// let mount = Mount::new(presence).without(Route::Users).without(Route::Topics);
    /// # Ok(mount) }
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

    /// The presence that is served.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// println!("{} online", mount.presence().everyone().counts().online);
    /// # Ok(mount) }
    /// ```
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// The limiter that enforces [`limits`](Self::limits), for handlers of the host's own.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// println!("{} streams and sockets are open", mount.limiter().open());
    /// # Ok(mount) }
    /// ```
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// Identifies callers and decides what they may do.
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

    /// The broker that carries the messages of sockets.
    pub(crate) fn message_broker(&self) -> Option<&Arc<dyn Broker>> {
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

    /// All routes except those left out, with their state: they can be merged or nested into a
    /// router of any state.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) -> Result<presence_axum::Mount, Box<dyn std::error::Error>> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// let app: axum::Router = axum::Router::new().nest("/presence", mount.routes());
    /// # drop(app);
    /// # Ok(mount) }
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
                "callers are not identified: every hit counts for the user that it names (see Mount::identify)"
            );
        }
    }
}

fn limiter(presence: &Presence, limits: Limits) -> Limiter {
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
        mount.limiter().clone()
    }
}
