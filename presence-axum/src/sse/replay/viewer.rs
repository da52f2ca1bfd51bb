//! The stream of one viewer: a cursor in the broker's history, and a timer.

use super::frames::Frames;
use super::{Begin, Replay};
use crate::metrics::STREAMS;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use presence_core::Timestamp;
use presence_core::broker::{Channel, Delivery, EventId, EventKind, Missed, Start};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The frames for one viewer.
///
/// It holds a subscription, which is a cursor in the broker's history, and asks for the next event
/// when the connection has room for it.
pub(super) struct Viewer<H> {
    replay: Replay,
    channel: Channel,
    frames: Arc<Frames>,
    deliveries: BoxStream<'static, Delivery>,
    /// The last event that the viewer has seen, in this stream or before; the latest event of the
    /// channel may be the same one.
    shown: Option<EventId>,
    opened: bool,
    /// Whether everything that was stored at the start has been sent.
    caught_up: bool,
    ended: bool,
    ping_at: Timestamp,
    ends_at: Timestamp,
    /// Ready at `ping_at` or `ends_at`, whichever is earlier.
    timer: BoxFuture<'static, ()>,
    _held: H,
}

impl<H> Viewer<H> {
    pub(super) fn new(replay: &Replay, channel: &Channel, start: Start, ends_at: Timestamp, held: H) -> Self {
        let inner = &replay.0;
        let ping_at = inner.clock.now() + inner.ping_every;
        let shown = match start {
            Start::After(id) => Some(id),
            _ => None,
        };
        Self {
            frames: inner.frames.get(channel, Arc::default, |frames| Arc::strong_count(frames) == 1),
            deliveries: inner.broker.subscribe(channel, start),
            timer: timer(replay, ping_at.min(ends_at)),
            replay: replay.clone(),
            channel: channel.clone(),
            shown,
            opened: false,
            caught_up: false,
            ended: false,
            ping_at,
            ends_at,
            _held: held,
        }
    }

    /// The ping if one is due; `None` when the time limit of the stream is reached.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        ready!(self.timer.as_mut().poll(cx));
        let inner = &self.replay.0;
        let now = inner.clock.now();
        if now >= self.ends_at {
            return Poll::Ready(None);
        }
        // After a stall, missed pings are skipped.
        self.ping_at = (self.ping_at + inner.ping_every).max(now);
        self.timer = timer(&self.replay, self.ping_at.min(self.ends_at));
        Poll::Ready(Some(inner.ping.clone()))
    }

    /// The frame of a delivery, or `None` if it is not to be sent.
    fn show(&mut self, delivery: Delivery) -> Option<Bytes> {
        let inner = &self.replay.0;
        match delivery {
            Delivery::Event(event) => {
                // Nothing follows the last event, even if that event itself is not sent.
                self.ended = event.kind == EventKind::Last;
                if self.shown.replace(event.id) == Some(event.id) {
                    return None;
                }
                STREAMS.replays.increment(1);
                let (frame, is_new) = self.frames.of(&event, &inner.format);
                if is_new && self.caught_up {
                    STREAMS.lag.record(inner.clock.now().since(event.at));
                }
                Some(frame)
            }
            Delivery::Missed(missed) => match inner.begin {
                Begin::Latest => {
                    self.caught_up = false;
                    self.deliveries = inner.broker.subscribe(&self.channel, inner.begin.start());
                    None
                }
                Begin::Everything => Some(missed_event(missed)),
            },
            // Signals are not stored, so a stream that can be resumed does not have them.
            _ => None,
        }
    }
}

fn timer(replay: &Replay, at: Timestamp) -> BoxFuture<'static, ()> {
    let clock = Arc::clone(&replay.0.clock);
    Box::pin(async move { clock.sleep_until(at).await })
}

/// Without an id, so that no client resumes after it.
fn missed_event(missed: Missed) -> Bytes {
    Bytes::from_static(match missed {
        Missed::Trimmed => b"event: missed\ndata: \"trimmed\"\n\n",
        Missed::Slow => b"event: missed\ndata: \"slow\"\n\n",
        _ => b"event: missed\ndata: \"incarnation\"\n\n",
    })
}

impl<H: Unpin> Stream for Viewer<H> {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        if !this.opened {
            this.opened = true;
            return Poll::Ready(Some(this.replay.0.opening.clone()));
        }
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            match this.poll_timer(cx) {
                Poll::Pending => {}
                Poll::Ready(None) => {
                    this.ended = true;
                    continue;
                }
                ping @ Poll::Ready(_) => return ping,
            }
            let Poll::Ready(delivery) = this.deliveries.as_mut().poll_next(cx) else {
                this.caught_up = true;
                return Poll::Pending;
            };
            match delivery {
                None => this.ended = true,
                Some(delivery) => {
                    if let Some(frame) = this.show(delivery) {
                        return Poll::Ready(Some(frame));
                    }
                }
            }
        }
    }
}
