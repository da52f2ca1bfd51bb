//! The events of a broker's channel as a stream that can be resumed.

mod frames;
mod resume;
mod viewer;

pub use resume::Resume;

use super::response;
use super::shared_map::SharedMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use frames::{Format, Frames};
use http::{StatusCode, header};
use presence_core::broker::{Channel, Event, EventId, Start};
use presence_core::{Broker, Clock, SystemClock, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use viewer::Viewer;

/// Streams the events of channels to any number of viewers.
///
/// One value serves all channels of one kind; it is cheap to clone and is a part of the host's
/// state. An event is encoded once, whatever the number of its viewers. A viewer is a cursor in the
/// broker's history: nothing is queued for it, and one that reads slowly delays nobody (one that
/// hardly reads is closed by [`frame_for`](crate::serve::Options::frame_for)).
///
/// A stream begins with `retry:`. Each event carries its `id:`, so that a client which comes back
/// with it ([`Resume`]) goes on behind it, without a gap and without a repeat. A channel whose
/// events it has missed is told anew as [`Begin`] says. The stream ends after the last event of a
/// channel, and whoever resumes behind that gets 204, on which an `EventSource` gives up.
///
/// ```
/// use axum::{Router, extract::State, routing::get, response::Response};
/// use presence_axum::limits::{Limiter, Permit};
/// use presence_axum::sse::{Replay, Resume};
/// use presence_core::broker::Channel;
/// # use axum::extract::FromRef;
/// # #[derive(Clone)] struct Host { replay: Replay, gate: Limiter }
/// # impl FromRef<Host> for Replay { fn from_ref(host: &Host) -> Replay { host.replay.clone() } }
/// # impl FromRef<Host> for Limiter { fn from_ref(host: &Host) -> Limiter { host.gate.clone() } }
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
    /// Those of channels that somebody watches.
    frames: SharedMap<Channel, Arc<Frames>>,
}

/// What a viewer gets who resumes behind no event, or behind one after which events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Begin {
    /// The latest event, then what comes: for states, of which a newer one replaces the older.
    #[default]
    Latest,
    /// All events that are stored, then what comes. Where some are missing, an event named `missed`
    /// says so first; its data is `"trimmed"`, `"incarnation"` or `"slow"`.
    Everything,
}

/// What is sent in silence, so that no proxy takes the stream for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ping {
    /// A comment, which an `EventSource` passes over.
    #[default]
    Comment,
    /// An event of this name with the data `{}`, by which a page can tell silence from a dead
    /// stream.
    Event(&'static str),
}

/// How long the question waits whether a channel has ended, on resuming.
const CHECKED_WITHIN: Duration = Duration::from_secs(2);
/// When a stream ends of which that could not be told: its client resumes, and asks again.
const UNCHECKED_FOR: Duration = Duration::from_secs(5);

impl Replay {
    /// Streams channels of this broker with the defaults: the latest event first, unnamed events, a
    /// comment every 15 s, no end but that of the channel.
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

    /// Settings share nothing with the value that they were made from: its frames have another
    /// format.
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

    /// The clock by which pings and ends are due. Default: the system's.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// What a viewer gets who resumes behind no event. Default [`Begin::Latest`].
    pub fn begin(self, begin: Begin) -> Self {
        self.with(|inner| inner.begin = begin)
    }

    /// The name of each event (`event:`). Default: none, so that `onmessage` gets them.
    pub fn event_name(self, name: &'static str) -> Self {
        self.with(|inner| inner.format.name = Some(name))
    }

    /// What is shown of an event, instead of its payload; asked once for all viewers.
    pub fn payload(self, payload: impl Fn(&Event) -> Bytes + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.format.payload = Some(Arc::new(payload)))
    }

    /// What is sent every so often, whether or not there are events; at least every 10 ms. Default:
    /// a comment every 15 s.
    pub fn ping(self, ping: Ping, every: Duration) -> Self {
        self.with(|inner| {
            inner.ping_every = every.max(Duration::from_millis(10));
            inner.ping = match ping {
                Ping::Comment => Bytes::from_static(b": ping\n\n"),
                Ping::Event(name) => format!("event: {name}\ndata: {{}}\n\n").into(),
            };
        })
    }

    /// How long a stream lives; its client is expected to resume. Default: as long as its channel.
    pub fn ends_after(self, ends_after: Duration) -> Self {
        self.with(|inner| inner.ends_after = Some(ends_after))
    }

    /// After how long clients come back to a stream that broke, and to one whose channel has ended.
    /// Default 2 s and 15 s.
    pub fn retry(self, broken: Duration, ended: Duration) -> Self {
        self.with(|inner| {
            inner.opening = format!("retry: {}\n\n", broken.as_millis()).into();
            inner.format.retry_when_ended = ended;
        })
    }

    /// The broker whose channels are streamed.
    pub fn broker(&self) -> &Arc<dyn Broker> {
        &self.0.broker
    }

    /// The answer for one more viewer of a channel: a stream, or 204 when `resume` is the last
    /// event of the channel.
    ///
    /// The stream ends at `until` at the latest, for example when the viewer's token expires.
    /// `held` is dropped with it: the viewer's [`Permit`](crate::limits::Permit), or the session by
    /// which it is present.
    ///
    /// While the broker does not answer, the stream is open and silent, and goes on afterwards
    /// where it was.
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
    /// Whether nothing can come after this event; `None` when the broker does not answer.
    async fn has_ended(&self, channel: &Channel, id: EventId) -> Option<bool> {
        let asked = tokio::time::timeout(CHECKED_WITHIN, self.broker.history(channel, 1)).await;
        let newest = asked.ok()?.ok()?.pop();
        Some(newest.is_some_and(|event| {
            event.last && event.id.incarnation == id.incarnation && event.id.number <= id.number
        }))
    }
}

impl Begin {
    fn start(self) -> Start {
        match self {
            Self::Latest => Start::Last(1),
            Self::Everything => Start::Last(usize::MAX),
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("begin", &self.0.begin).finish_non_exhaustive()
    }
}
