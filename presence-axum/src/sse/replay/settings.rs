//! What the host may choose: where streams begin, what their events look like, and how
//! long they last.

use super::Replay;
use bytes::Bytes;
use presence_core::Clock;
use presence_core::broker::{Event, Start};
use std::sync::Arc;
use std::time::Duration;

/// Where a stream begins for a viewer that does not resume, or that has missed events which are no
/// longer stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Begin {
    /// With the latest event. For channels of states, in which a newer one replaces the older.
    #[default]
    Latest,
    /// With all events that are stored. If some are missing, an event named `missed` comes first;
    /// its data is `"trimmed"`, `"incarnation"` or `"slow"`.
    Everything,
}

/// What is sent at intervals, so that proxies do not close an idle stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Ping {
    /// A comment, which an `EventSource` ignores.
    #[default]
    Comment,
    /// An event of this name with the data `{}`, by which a page can tell an idle stream from a
    /// dead one.
    Event(&'static str),
}

impl Begin {
    pub(super) fn start(self) -> Start {
        match self {
            Self::Latest => Start::Last(1),
            Self::Everything => Start::Last(usize::MAX),
        }
    }
}

impl Replay {
    /// The clock by which pings and ends are due. Default: the system's.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker, presence: presence_core::Presence) {
    /// use presence_axum::sse::Replay;
    /// use std::sync::Arc;
    /// let replay = Replay::new(broker).clock(Arc::clone(presence.clock()));
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// Where a stream begins. Default [`Begin::Latest`].
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::{Begin, Replay};
    /// let replay = Replay::new(broker).begin(Begin::Everything);
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn begin(self, begin: Begin) -> Self {
        self.with(|inner| inner.begin = begin)
    }

    /// The name of each event (`event:`). Default: none, so that `onmessage` receives them.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::Replay;
    /// let replay = Replay::new(broker).event_name("news");
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn event_name(self, name: &'static str) -> Self {
        self.with(|inner| inner.format.name = Some(name))
    }

    /// Makes the data of an event, instead of its payload; called once for all viewers.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::Replay;
    /// let replay = Replay::new(broker).payload(|event| format!("#{}", event.id).into());
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn payload(self, payload: impl Fn(&Event) -> Bytes + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.format.payload = Some(Arc::new(payload)))
    }

    /// What is sent at this interval, independently of events; the interval is at least 10 ms.
    /// Default: a comment every 15 s.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::{Ping, Replay};
    /// use std::time::Duration;
    /// let replay = Replay::new(broker).ping(Ping::Event("ping"), Duration::from_secs(10));
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn ping(self, ping: Ping, every: Duration) -> Self {
        self.with(|inner| {
            inner.ping_every = every.max(Duration::from_millis(10));
            inner.ping = match ping {
                Ping::Comment => Bytes::from_static(b": ping\n\n"),
                Ping::Event(name) => format!("event: {name}\ndata: {{}}\n\n").into(),
            };
        })
    }

    /// The time limit for a stream; its client is expected to resume. Default: none.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::Replay;
    /// use std::time::Duration;
    /// let replay = Replay::new(broker).ends_after(Duration::from_hours(1));
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn ends_after(self, ends_after: Duration) -> Self {
        self.with(|inner| inner.ends_after = Some(ends_after))
    }

    /// After how long clients reconnect to a stream that broke, and to one whose channel has ended.
    /// Default 2 s and 15 s.
    ///
    /// ```
    /// # fn example(broker: impl presence_core::Broker) {
    /// use presence_axum::sse::Replay;
    /// use std::time::Duration;
    /// let replay = Replay::new(broker).retry(Duration::from_secs(1), Duration::from_mins(1));
    /// # let _ = replay;
    /// # }
    /// ```
    pub fn retry(self, broken: Duration, ended: Duration) -> Self {
        self.with(|inner| {
            inner.opening = format!("retry: {}\n\n", broken.as_millis()).into();
            inner.format.retry_when_ended = ended;
        })
    }
}
