//! [`Replay`]: streams the events of a broker's channels, so that clients can resume.

mod frames;
mod resume;
mod settings;
mod viewer;

pub use resume::Resume;
pub use settings::{Begin, Ping};

use super::response;
use super::shared_map::SharedMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use frames::{Format, Frames};
use http::{StatusCode, header};
use presence_core::broker::{Channel, EventId, EventKind, Start};
use presence_core::{Broker, Clock, SystemClock, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use viewer::Viewer;

/// Streams the events of channels to any number of viewers.
///
/// One value serves all channels of one kind; it is cheap to clone and is a part of the host's
/// state. An event is encoded once, whatever the number of viewers. A viewer is a cursor in the
/// broker's history: nothing is queued for it, and a slow reader delays no other (one that hardly
/// reads is disconnected by [`frame_for`](crate::serve::Options::frame_for)).
///
/// A stream begins with `retry:`. Each event carries its `id:`, so that a client that reconnects
/// with it ([`Resume`]) continues after that event, without gaps and repeats. If events in between
/// are no longer stored, the stream begins again as [`Begin`] says. The stream ends after the last
/// event of a channel; a client that resumes after that event gets 204, on which an `EventSource`
/// stops reconnecting.
///
/// ```
/// use axum::{Router, extract::State, routing::get, response::Response};
/// use presence_axum::limits::{Limiter, Permit};
/// use presence_axum::sse::{Replay, Resume};
/// use presence_core::broker::Channel;
/// # use axum::extract::FromRef;
/// # #[derive(Clone)] struct Host { replay: Replay, limiter: Limiter }
/// # impl FromRef<Host> for Replay { fn from_ref(host: &Host) -> Replay { host.replay.clone() } }
/// # impl FromRef<Host> for Limiter {
/// #     fn from_ref(host: &Host) -> Limiter { host.limiter.clone() }
/// # }
///
/// async fn news(State(replay): State<Replay>, permit: Permit, resume: Resume) -> Response {
///     let Ok(channel) = Channel::new("news") else { unreachable!("a constant") };
///     replay.response(&channel, resume, None, permit).await
/// }
/// let app: Router<Host> = Router::new().route("/news", get(news));
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct Replay(Arc<Inner>);

struct Inner {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    begin: Begin,
    format: Format,
    ping: Bytes,
    opening: Bytes,
    ping_every: Duration,
    ends_after: Option<Duration>,
    /// The frames of the channels that have viewers.
    frames: SharedMap<Channel, Arc<Frames>>,
}

/// The time limit for asking the broker, when a client resumes, whether the channel has ended.
const CHECKED_WITHIN: Duration = Duration::from_secs(2);
/// After how long a stream ends if the broker could not answer that: the client resumes
/// and asks again.
const UNCHECKED_FOR: Duration = Duration::from_secs(5);

impl Replay {
    /// Streams channels of this broker with the defaults: begins with the latest event, unnamed
    /// events, a comment every 15 s, no time limit.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::{Begin, Ping, Replay};
    /// use std::time::Duration;
    ///
    /// let replay = Replay::new(broker)
    ///     .begin(Begin::Everything)
    ///     .ping(Ping::Event("ping"), Duration::from_secs(10))
    ///     .ends_after(Duration::from_hours(1));
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn new(broker: impl Broker) -> Self {
        Self(Arc::new(Inner {
            broker: Arc::new(broker),
            clock: Arc::new(SystemClock),
            begin: Begin::default(),
            format: Format { name: None, retry_when_ended: Duration::from_secs(15), payload: None },
            ping: Bytes::from_static(b": ping\n\n"),
            opening: Bytes::from_static(b"retry: 2000\n\n"),
            ping_every: Duration::from_secs(15),
            ends_after: None,
            frames: SharedMap::default(),
        }))
    }

    /// Changes a setting. The result shares nothing with the original, since its frames have
    /// another format.
    fn with(self, set: impl FnOnce(&mut Inner)) -> Self {
        let from = &*self.0;
        let mut inner = Inner {
            broker: Arc::clone(&from.broker),
            clock: Arc::clone(&from.clock),
            format: from.format.clone(),
            ping: from.ping.clone(),
            opening: from.opening.clone(),
            frames: SharedMap::default(),
            ..*from
        };
        set(&mut inner);
        Self(Arc::new(inner))
    }

    /// The broker whose channels are streamed.
    pub fn broker(&self) -> &Arc<dyn Broker> {
        &self.0.broker
    }

    /// The response for one more viewer of a channel: a stream, or 204 when `resume` is the last
    /// event of the channel.
    ///
    /// The stream ends at `until` at the latest, for example when the viewer's token expires.
    /// `held` is dropped with the stream: the viewer's [`Permit`](crate::limits::Permit), or a hold
    /// that keeps the viewer present.
    ///
    /// While the broker does not answer, the stream stays open and silent; afterwards it continues
    /// where it was.
    ///
    /// ```
    /// use axum::extract::State;
    /// use axum::response::Response;
    /// use presence_axum::limits::Permit;
    /// use presence_axum::sse::{Replay, Resume};
    /// use presence_core::broker::Channel;
    ///
    /// async fn news(State(replay): State<Replay>, permit: Permit, resume: Resume) -> Response {
    ///     let channel = Channel::new("news").expect("a valid name");
    ///     replay.response(&channel, resume, None, permit).await
    /// }
    /// ```
    pub async fn response(
        &self,
        channel: &Channel,
        resume: Resume,
        until: Option<Timestamp>,
        held: impl Send + Unpin + 'static,
    ) -> Response {
        let inner = &self.0;
        let now = inner.clock.now();
        let mut ends_at = until.unwrap_or(Timestamp::MAX);
        if let Some(ends_after) = inner.ends_after {
            ends_at = ends_at.min(now + ends_after);
        }
        let start = match resume.after() {
            Some(id) => {
                match inner.has_ended(channel, id).await {
                    Some(true) => {
                        return (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")])
                            .into_response();
                    }
                    Some(false) => {}
                    None => ends_at = ends_at.min(now + UNCHECKED_FOR),
                }
                Start::After(id)
            }
            None => inner.begin.start(),
        };
        response(Viewer::new(self, channel, start, ends_at, held))
    }
}

impl Inner {
    /// Whether no event can follow this one; `None` when the broker does not answer.
    async fn has_ended(&self, channel: &Channel, id: EventId) -> Option<bool> {
        let asked = tokio::time::timeout(CHECKED_WITHIN, self.broker.history(channel, 1)).await;
        let newest = asked.ok()?.ok()?.pop();
        Some(newest.is_some_and(|event| {
            event.kind == EventKind::Last
                && event.id.incarnation == id.incarnation
                && event.id.number <= id.number
        }))
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("begin", &self.0.begin).finish_non_exhaustive()
    }
}
