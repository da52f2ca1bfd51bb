//! [`Ticker`]: makes one frame per interval and sends it to all viewers.

use super::response;
use crate::limits::Permit;
use crate::metrics::STREAMS;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use parking_lot::Mutex;
use presence_core::{Presence, Timestamp};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

/// Makes a frame at a fixed interval and sends it to all viewers.
///
/// It runs only while there are viewers. A new viewer gets a frame at once, and then the newest of
/// each tick. A slow viewer skips the frames that it missed; it holds one frame in memory and does
/// not delay others. The interval follows the presence's clock, so that tests can use a manual one.
///
/// ```
/// # use axum::response::Response;
/// # use presence_axum::limits::Permit;
/// # use presence_core::Presence;
/// # fn example(presence: &Presence, permit: Permit) -> Response {
/// use presence_axum::{sse, wire::Ids};
/// use std::time::Duration;
///
/// let ticker = sse::Ticker::new(presence, Duration::from_secs(2), |presence| {
///     presence.everyone().sorted(|users| sse::event(&Ids(&users.active), 1024))
/// });
/// ticker.response(permit)
/// # }
/// ```
#[derive(Clone)]
pub struct Ticker(Arc<Inner>);

struct Inner {
    presence: Presence,
    every: Duration,
    render: Box<dyn Fn(&Presence) -> Bytes + Send + Sync>,
    frames: watch::Sender<Frame>,
    newest: Mutex<Newest>,
}

/// The newest frame, which slow viewers may not have received yet.
#[derive(Default)]
struct Newest {
    /// Whether the ticking task runs. The task stops under this lock, when there are no viewers.
    ticking: bool,
    made_at: Timestamp,
    /// The time that it took to make the frame.
    took: Duration,
    frame: Bytes,
}

#[derive(Clone, Default)]
struct Frame {
    /// Counts the ticks, so that a viewer knows how many it skipped.
    tick: u64,
    bytes: Bytes,
    /// Whether the presence has shut down and no further frame follows.
    is_last: bool,
}

/// A lower bound for how many bytes of a frame are made in a millisecond.
const MADE_PER_MILLI: usize = 512 * 1024;

impl Newest {
    /// Makes the next frame.
    fn make(&mut self, inner: &Inner) {
        let clock = inner.presence.clock();
        self.made_at = clock.now();
        self.frame = (inner.render)(&inner.presence);
        self.took = clock.now().since(self.made_at);
    }

    /// Whether a new viewer gets this frame; otherwise a new frame is made for it.
    ///
    /// A frame is recent enough while it is younger than ten times the time of making one. So many
    /// viewers that connect at once cost at most a tenth of a processor, and a viewer that connects
    /// after a hit usually sees that hit. The time of making a frame is estimated from its size, or
    /// measured if that is longer.
    fn is_recent_enough(&self, now: Timestamp) -> bool {
        // The clock has whole milliseconds, so a measured one may have been almost zero.
        let took = self.took.saturating_sub(Duration::from_millis(1));
        let by_size = Duration::from_millis((self.frame.len() * 10 / MADE_PER_MILLI) as u64);
        now.since(self.made_at) < by_size.max(10 * took)
    }
}

impl Ticker {
    /// A ticker that calls `render` every `every` (at least 10 ms).
    ///
    /// A frame should be one or more whole events, such as [`event`](super::event) makes.
    ///
    /// ```
    /// # fn example(presence: &presence_core::Presence) {
    /// use presence_axum::sse::{Ticker, event};
    /// use std::time::Duration;
    ///
    /// let online = Ticker::new(presence, Duration::from_secs(2), |presence| {
    ///     event(&presence.everyone().counts().online, 32)
    /// });
    /// # let _ = online;
    /// # }
    /// ```
    pub fn new(
        presence: &Presence,
        every: Duration,
        render: impl Fn(&Presence) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            presence: presence.clone(),
            every: every.max(Duration::from_millis(10)),
            render: Box::new(render),
            frames: watch::Sender::default(),
            newest: Mutex::default(),
        }))
    }

    /// The response for one more viewer.
    ///
    /// ```
    /// use axum::extract::State;
    /// use axum::response::Response;
    /// use presence_axum::limits::Permit;
    /// use presence_axum::sse::Ticker;
    ///
    /// async fn online(State(online): State<Ticker>, permit: Permit) -> Response {
    ///     online.response(permit)
    /// }
    /// # fn example<S: Clone + Send + Sync + 'static>()
    /// # where
    /// #     Ticker: axum::extract::FromRef<S>,
    /// #     presence_axum::limits::Limiter: axum::extract::FromRef<S>,
    /// # {
    /// # let _ = axum::routing::get::<_, _, S>(online);
    /// # }
    /// ```
    pub fn response(&self, permit: Permit) -> Response {
        response(self.watch(permit))
    }

    /// The frames for one more viewer: one at once, then the newest of each tick.
    ///
    /// ```
    /// # use futures_util::{StreamExt, stream};
    /// # use presence_axum::{limits::Permit, sse::Ticker};
    /// # fn example(online: Ticker, permit: Permit) -> axum::response::Response {
    /// use presence_axum::sse;
    /// let hello = sse::event(&"hello", 16);
    /// sse::response(stream::iter([hello]).chain(online.watch(permit)))
    /// # }
    /// ```
    pub fn watch(&self, permit: Permit) -> impl Stream<Item = Bytes> + Send + use<> {
        let inner = &self.0;
        let mut newest = inner.newest.lock();
        let now = inner.presence.clock().now();
        if !newest.ticking || !newest.is_recent_enough(now) {
            newest.make(inner);
        }
        let frames = inner.frames.subscribe();
        if !newest.ticking {
            newest.ticking = true;
            tokio::spawn(tick(Arc::clone(inner), now + inner.every));
        }
        let tick = frames.borrow().tick;
        Viewer {
            first: Some(newest.frame.clone()),
            tick,
            frames: WatchStream::from_changes(frames),
            _permit: permit,
        }
    }

    /// Whether the ticker is unused: it has no viewers and no task.
    pub(super) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The task of a ticker. It ends when a tick finds no viewers, or when the presence shuts down,
/// which ends all streams.
async fn tick(inner: Arc<Inner>, first: Timestamp) {
    let _if_it_panics = Restart(&inner);
    let clock = inner.presence.clock();
    let mut next = first;
    loop {
        let is_last = tokio::select! {
            () = clock.sleep_until(next) => false,
            () = inner.presence.ended() => true,
        };
        let mut newest = inner.newest.lock();
        if is_last {
            *newest = Newest::default();
            inner.frames.send_modify(|frame| frame.is_last = true);
            return;
        }
        if inner.frames.receiver_count() == 0 {
            *newest = Newest::default();
            inner.frames.send_replace(Frame::default());
            return;
        }
        newest.make(&inner);
        let bytes = newest.frame.clone();
        inner.frames.send_modify(|frame| *frame = Frame { tick: frame.tick + 1, bytes, is_last });
        // After a stall, missed ticks are skipped.
        next = (next + inner.every).max(newest.made_at);
    }
}

/// If the host's `render` panics, lets the next viewer start the task again.
struct Restart<'a>(&'a Inner);

impl Drop for Restart<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.newest.lock().ticking = false;
        }
    }
}

/// The state of one viewer's stream.
struct Viewer {
    first: Option<Bytes>,
    /// The tick that the viewer got last.
    tick: u64,
    frames: WatchStream<Frame>,
    _permit: Permit,
}

impl Stream for Viewer {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let bytes = match self.first.take() {
            Some(first) => first,
            None => match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
                Some(frame) if frame.is_last => return Poll::Ready(None),
                Some(frame) => {
                    STREAMS.skipped.increment(frame.tick.saturating_sub(self.tick + 1));
                    self.tick = frame.tick;
                    frame.bytes
                }
                None => return Poll::Ready(None),
            },
        };
        STREAMS.snapshots.increment(1);
        Poll::Ready(Some(bytes))
    }
}
