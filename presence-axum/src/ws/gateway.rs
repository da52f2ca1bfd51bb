//! The sockets of one mount and one wire format.

use super::connection::{Connection, Environment};
use super::handshake::{Handshake, NotAnUpgrade};
use super::protocol::Protocol;
use super::rooms::Rooms;
use super::session::Session;
use super::{Json, Settings, Typing};
use crate::auth::{Identity, Transport};
use crate::limits::{Client, Permit};
use crate::metrics::SOCKETS;
use crate::{Error, Mount};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use hyper_util::rt::TokioIo;
use presence_core::broker::Channel;
use presence_core::{Broker, Presence, SessionId, Topic, random};
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::Instrument;

/// Serves sockets for a [`Mount`] in one wire format. Cheap to clone; a part of the host's state.
#[derive(Clone)]
pub struct Gateway {
    mount: Mount,
    core: Arc<Core>,
}

/// What the connections of a gateway share.
pub(crate) struct Core {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) settings: Arc<Settings>,
    pub(super) rooms: Rooms,
    pub(super) broker: Option<Arc<dyn Broker>>,
    /// Signals to be sent to the broker, in order. One task sends them; it is started with the
    /// first signal.
    signals: OnceLock<mpsc::Sender<(Channel, Bytes)>>,
}

/// How many signals may wait for the broker; further ones are dropped.
const MAX_SIGNALS: usize = 1024;
/// The time limit for sending one signal.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);

impl Gateway {
    /// A gateway for this format, with the default [`Settings`].
    ///
    /// ```
    /// # fn example(mount: &presence_axum::Mount) {
    /// use presence_axum::ws::{Gateway, Json};
    /// let gateway = Gateway::new(mount, Json);
    /// # let _ = gateway;
    /// # }
    /// ```
    pub fn new(mount: &Mount, protocol: impl Protocol) -> Self {
        Self::with(mount, protocol, Settings::default())
    }

    /// A gateway for this format, with these settings.
    ///
    /// ```
    /// # fn example(mount: &presence_axum::Mount) {
    /// use presence_axum::ws::{Gateway, Json, Settings};
    /// let gateway = Gateway::with(mount, Json, Settings::default().large(5_000));
    /// # let _ = gateway;
    /// # }
    /// ```
    pub fn with(mount: &Mount, protocol: impl Protocol, settings: Settings) -> Self {
        let core = Core::new(mount.presence(), mount.message_broker(), Arc::new(protocol), settings);
        Self { mount: mount.clone(), core: Arc::new(core) }
    }

    /// The gateway of the mount's own route, `/v1/ws`.
    pub(super) fn of(mount: &Mount) -> Self {
        let core = mount.sockets().get_or_init(|| {
            let settings = mount.socket_settings().clone();
            Arc::new(Core::new(mount.presence(), mount.message_broker(), Arc::new(Json), settings))
        });
        Self { mount: mount.clone(), core: Arc::clone(core) }
    }

    /// Answers an upgrade request. The connection is then served by a task of its own.
    ///
    /// Refusals come before the upgrade: 401, 403 (also for a page of a foreign origin), 426 for a
    /// request without a WebSocket upgrade, 429, 503.
    ///
    /// ```
    /// use axum::extract::{Request, State};
    /// use axum::response::Response;
    /// use presence_axum::ws::Gateway;
    ///
    /// async fn socket(State(gateway): State<Gateway>, request: Request) -> Response {
    ///     gateway.upgrade(request).await
    /// }
    /// # let _ = axum::routing::get::<_, _, Gateway>(socket);
    /// ```
    pub async fn upgrade(&self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        let handshake = match Handshake::read(&mut parts, self.core.protocol.subprotocols()) {
            Ok(handshake) => handshake,
            Err(refusal) => return NotAnUpgrade::into_response(refusal),
        };
        let (caller, permit) = match self.admit(&mut parts).await {
            Ok(admitted) => admitted,
            Err(error) => return error.into_response(),
        };
        let (upgrade, response) = handshake.accept();
        let gateway = self.clone();
        tokio::spawn(async move {
            // The client may disconnect before it gets the response.
            let Ok(upgraded) = upgrade.await else { return };
            let (connection, span) = gateway.connect(TokioIo::new(upgraded), caller, parts, permit);
            // In a task of its own, because the current task keeps the memory of the whole upgrade
            // until it ends.
            tokio::spawn(Box::new(connection).run().instrument(span));
        });
        response
    }

    async fn admit(&self, parts: &mut Parts) -> Result<(Identity, Permit), Error> {
        let limiter = self.mount.limiter();
        limiter.query(&parts.extensions, &parts.headers)?;
        let caller = self.mount.caller(parts, Transport::Socket).await?;
        let client = Client::of(&parts.extensions, &parts.headers, limiter.limits().trusted_proxies);
        Ok((caller, limiter.admit(client)?))
    }

    fn connect<S>(
        &self,
        stream: S,
        caller: Identity,
        parts: Parts,
        permit: Permit,
    ) -> (Connection<S>, tracing::Span)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    {
        let core = &self.core;
        let id = SessionId::new(format!("{:016x}", random::u64()));
        #[expect(clippy::expect_used, reason = "sixteen digits are an id")]
        let id = id.expect("an id");
        let span = tracing::info_span!("socket", connection = %id, user = caller.subject());
        let now = self.mount.presence().clock().now();
        let subscribing_enters = core.protocol.subscribing_enters();
        let session = Session::new(id, caller, Arc::clone(&core.settings), subscribing_enters, now);
        // Only credentials that a browser adds by itself, such as a cookie, can be checked again
        // later.
        let parts = Some(parts).filter(|_| self.mount.guard().is_ambient());
        let environment = Environment { mount: self.mount.clone(), core: Arc::clone(core), permit };
        (Connection::new(stream, session, environment, parts), span)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("settings", &self.core.settings).finish_non_exhaustive()
    }
}

impl Core {
    fn new(
        presence: &Presence,
        broker: Option<&Arc<dyn Broker>>,
        protocol: Arc<dyn Protocol>,
        settings: Settings,
    ) -> Self {
        // Registers the metrics, so that they are exported as zero before the first socket.
        LazyLock::force(&SOCKETS);
        let settings = Arc::new(settings);
        let rooms = Rooms::new(presence, Arc::clone(&protocol), Arc::clone(&settings));
        Self { protocol, settings, rooms, broker: broker.cloned(), signals: OnceLock::new() }
    }

    /// Sends a short-lived value to the other subscribers; drops it if too many signals are waiting
    /// for the broker.
    pub(super) fn signal(&self, topic: &Topic, typing: &Typing) {
        let Some((broker, channel)) = self.broker.as_ref().zip(channel_of(topic)) else { return };
        let Ok(payload) = serde_json::to_vec(typing) else { return };
        let signals = self.signals.get_or_init(|| {
            let (sender, mut waiting) = mpsc::channel::<(Channel, Bytes)>(MAX_SIGNALS);
            let broker = Arc::clone(broker);
            tokio::spawn(async move {
                while let Some((channel, payload)) = waiting.recv().await {
                    let _ = tokio::time::timeout(SIGNAL_TIMEOUT, broker.signal(&channel, payload)).await;
                }
            });
            sender
        });
        if signals.try_send((channel, payload.into())).is_err() {
            SOCKETS.signals_lost.increment(1);
        }
    }
}

/// The broker's channel for the messages of a topic, `topic:<topic>`; `None` if that name would be
/// too long. Sockets that subscribe to the topic get what the host publishes there as
/// [`Update::Message`](super::Update).
///
/// ```
/// # fn main() -> Result<(), presence_core::InvalidValue> {
/// use presence_axum::ws::channel_of;
/// let channel = channel_of(&"lobby".parse()?);
/// assert_eq!(channel.map(|channel| channel.as_str().to_owned()).as_deref(), Some("topic:lobby"));
/// # Ok(()) }
/// ```
pub fn channel_of(topic: &Topic) -> Option<Channel> {
    Channel::new(format!("topic:{topic}")).ok()
}
