//! A WebSocket gateway for chat: presence, rooms, typing and messages, on any number of instances.
//!
//! The library is the service without its process: [`run`] serves [`app`], and tests call it.

mod access;
mod api;
mod broadcast;
pub mod client;
mod exchange;
mod frame;
pub mod logs;
mod profile;
mod protocol;
mod redis;
mod room;
mod settings;
mod stores;
mod timestamp;

pub use access::{Users, rule};
pub use api::demo::signed as token_of;
pub use api::metrics::record;
pub use exchange::Exchange;
pub use protocol::Chat;
pub use room::{Kind, Room};
pub use settings::{Secret, Servers, Settings, Tokens};
pub use stores::{InvalidStores, Stores, policy, retention};

pub(crate) use timestamp::rfc3339;

use api::{admin, demo, health, messages, metrics, page, presence};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use presence_axum::serve::{self, Options};
use presence_axum::ws::{self, Gateway};
use presence_axum::{Cors, Limits, Mount, PresenceLayer, method_not_allowed, not_found};
use presence_core::{Presence, SystemClock};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The time within which clients are told to reconnect to another instance when this one ends.
const RECONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The time limit for the close handshakes of all connections.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// The maximum number of users that are listed by name in a room; in a larger one only their number
/// is sent.
const LARGE_ROOM: usize = 5_000;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    mount: Mount,
    /// What the page at `/` reads presence from.
    page: Mount,
    gateway: Gateway,
    exchange: Exchange,
    name: String,
    is_public: bool,
    demo_secret: Option<String>,
}

impl Service {
    /// The service on these stores with these settings; `users` verifies tokens.
    ///
    /// # Errors
    /// A message about the wrong setting.
    pub fn new(stores: &Stores, settings: &Settings, users: Users) -> Result<Self, String> {
        // Behind a proxy that `trusted_proxies` does not count, all clients share its address;
        // therefore clients are limited by rate only.
        let limits = Limits::default()
            .streams_per_client(None)
            .topics_per_client(None)
            .trusted_proxies(settings.trusted_proxies);
        let mut mount = Mount::new(stores.presence.clone())
            .identify(users)
            .authorize(rule())
            .broker(stores.exchange.clone())
            .limits(limits.clone());
        if let Some(cors) = settings.cors()? {
            mount = mount.cors(cors);
        }
        let sockets = ws::Settings::default()
            .idle_for(settings.idle_for())
            .typing_for(settings.typing_ttl())
            .large(LARGE_ROOM);
        Ok(Self(Arc::new(Inner {
            page: page::mount(&mount, limits),
            gateway: Gateway::with(&mount, Chat::new(&stores.presence), sockets),
            mount,
            exchange: stores.exchange.clone(),
            name: settings.service_name.clone(),
            is_public: settings.rest_public,
            demo_secret: settings.tokens.secret().filter(|_| settings.demo).map(str::to_owned),
        })))
    }

    fn mount(&self) -> &Mount {
        &self.0.mount
    }

    fn presence(&self) -> &Presence {
        self.0.mount.presence()
    }

    /// The transport of typing and messages.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether presence may be read without a token.
    fn is_public(&self) -> bool {
        self.0.is_public
    }

    /// The secret that signs demo tokens.
    fn demo_secret(&self) -> Option<&str> {
        self.0.demo_secret.as_deref()
    }

    /// Waits until all sockets are closed, for a few seconds at most.
    async fn closed(&self) {
        let closed = async {
            while self.mount().limiter().open() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(CLOSED_WITHIN, closed).await;
    }
}

/// The endpoints, with CORS for `cors`.
pub fn app(service: Service, cors: Option<Cors>) -> Router {
    let page = service.0.page.routes();
    let edge = cors.map_or_else(PresenceLayer::new, |cors| PresenceLayer::new().cors(cors));
    Router::new()
        .route("/ws", get(socket))
        .route("/presence", get(presence::all))
        .route("/presence/{user_id}", get(presence::one))
        .route("/messages", post(messages::post))
        .route("/admin/disconnect/{user_id}", post(admin::disconnect))
        .route("/health", get(health::health))
        .route("/metrics", get(metrics::prometheus))
        .route("/demo/token", get(demo::token))
        .route("/", get(page::index))
        .nest("/page", page)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(edge)
        .with_state(service)
}

async fn socket(State(service): State<Service>, request: Request) -> Response {
    service.0.gateway.upgrade(request).await
}

/// Serves until `stop` completes, and then asks clients to reconnect elsewhere. Those that
/// reconnect in time are not seen to leave.
///
/// # Errors
/// A message about the wrong setting.
pub async fn run(
    settings: &Settings,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let users = Users::of(&settings.tokens, SystemClock)?;
    let cors = settings.cors()?;
    let stores = Stores::open(settings).map_err(|error| error.to_string())?;
    let service = Service::new(&stores, settings, users)?;
    if service.demo_secret().is_some() {
        tracing::warn!("DEMO is set: anybody can get a token of any user");
    } else if settings.demo {
        tracing::warn!("DEMO needs JWT_SECRET, and does nothing without it");
    }
    tracing::info!(address = %listener.local_addr()?, "listening");
    let draining = async {
        stop.await;
        stores.presence.drain(RECONNECT_WITHIN).await;
    };
    let options = Options::default().cors(cors.clone());
    serve::serve(listener, app(service.clone(), cors), options, draining).await;
    service.closed().await;
    stores.presence.shutdown().await;
    Ok(())
}
