//! The whole of it in one value.

use crate::edge::Edge;
use crate::error::method_not_allowed;
use crate::limits::{Gate, Limits};
use crate::sse::Streams;
use crate::{Cors, health, hit, page, rest, sse};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use presence_core::Presence;
use std::sync::Arc;
use std::time::Duration;

/// A presence and how it is served: mount its [`routes`](Self::routes), or give its handlers paths of your own.
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
    cors: Option<Cors>,
    gate: Gate,
    streams: Arc<Streams>,
}

impl Mount {
    /// How often the snapshot stream tells, unless told otherwise.
    pub const TICK: Duration = Duration::from_secs(2);

    /// Serves this presence with the defaults.
    pub fn new(presence: Presence) -> Self {
        Self(Arc::new(Inner {
            presence,
            tick: Self::TICK,
            cors: None,
            gate: Gate::new(Limits::default()),
            streams: Arc::default(),
        }))
    }

    fn with(self, set: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        set(&mut inner);
        // A mount that is set otherwise shares no streams with the one it was made from.
        inner.streams = Arc::default();
        Self(Arc::new(inner))
    }

    /// Bounds of bodies and streams. Default [`Limits::default`].
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|inner| inner.gate = Gate::new(limits))
    }

    /// How often the snapshot stream tells. Default 2 s; at least 10 ms.
    pub fn tick(self, every: Duration) -> Self {
        self.with(|inner| inner.tick = every)
    }

    /// Lets pages of other origins call. Default: none may.
    pub fn cors(self, cors: Cors) -> Self {
        self.with(|inner| inner.cors = Some(cors))
    }

    /// The presence that is served.
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Who may open a stream.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn every(&self) -> Duration {
        self.0.tick
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// All routes, with their state: they can be merged or nested into a router of any state.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let edge = self.0.cors.clone().map_or_else(Edge::new, |cors| Edge::new().cors(cors));
        Router::new()
            .route("/v1/hit", post(hit::post))
            .route("/v1/users", get(rest::users))
            .route("/v1/users/{user}", get(rest::user))
            .route("/v1/counts", get(rest::counts))
            .route("/v1/list", get(rest::list))
            .route("/v1/topics", get(rest::topics))
            .route("/v1/sse/snapshot", get(sse::snapshot))
            .route("/v1/sse/diff", get(sse::diff))
            .route("/v1/health", get(health::report))
            .route("/presence.js", get(page::presence_js))
            .method_not_allowed_fallback(method_not_allowed)
            .layer(edge)
            .with_state(self.clone())
    }
}

impl FromRef<Mount> for Presence {
    fn from_ref(mount: &Mount) -> Self {
        mount.presence().clone()
    }
}

impl FromRef<Mount> for Gate {
    fn from_ref(mount: &Mount) -> Self {
        mount.gate().clone()
    }
}
