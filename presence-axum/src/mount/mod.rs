//! [`Mount`]: all routes and their settings in one value.
//!
//! [`identity`] has the settings of authentication and authorization, [`settings`] all others,
//! [`routes`] makes the routes, and [`caller`] is what their handlers ask about a caller.

mod caller;
mod identity;
mod routes;
mod settings;

use crate::auth::Auth;
use crate::limits::{Limiter, Limits};
use crate::pages::Pages;
use crate::sse::Streams;
use crate::ws;
use crate::{Cors, Route};
use axum::extract::FromRef;
use presence_core::{Broker, Presence};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
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
    pages: Arc<Pages>,
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
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// # let _ = mount;
    /// # }
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
            pages: Arc::default(),
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

    /// The presence that is served.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// println!("{} online", mount.presence().everyone().counts().online);
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// The limiter that enforces [`limits`](Self::limits), for handlers of the host's own.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence);
    /// println!("{} streams and sockets are open", mount.limiter().open());
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(crate) fn cors_rules(&self) -> Option<&Cors> {
        self.0.cors.as_ref()
    }

    pub(crate) fn ticks_every(&self) -> Duration {
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

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
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

impl FromRef<Mount> for Limiter {
    fn from_ref(mount: &Mount) -> Self {
        mount.limiter().clone()
    }
}
