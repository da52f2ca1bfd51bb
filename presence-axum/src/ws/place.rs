//! One subscription of one connection.

use super::Update;
use super::room::{Joined, Room, Shared};
use super::wake::WakeFlag;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use presence_core::broker::Delivery;
use presence_core::{SessionId, Topic};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// Yields what a connection is told of a topic. Nothing is queued for it: one that reads slowly
/// gets the state anew, and messages from the broker's history.
pub(super) struct Place {
    room: Arc<Room>,
    /// Updates to deliver before those of `live`, the newest first.
    first: Vec<Shared>,
    live: BroadcastStream<Shared>,
    /// Set when `live` is to be polled.
    lives: WakeFlag,
    messages: Option<Messages>,
    connection: SessionId,
}

/// The messages of a topic.
struct Messages {
    topic: Topic,
    deliveries: BoxStream<'static, Delivery>,
    /// Set when they are to be polled.
    delivers: WakeFlag,
}

/// An event of one topic of a connection.
pub(super) enum News {
    Frames(Shared),
    /// The connection reads too slowly and missed something; the state of the topic comes next.
    Skipped,
}

impl Place {
    pub(super) fn new(
        room: Arc<Room>,
        joined: Joined,
        messages: Option<(Topic, BoxStream<'static, Delivery>)>,
        connection: SessionId,
    ) -> Self {
        let Joined { mut first, live, .. } = joined;
        first.reverse();
        let messages =
            messages.map(|(topic, deliveries)| Messages { topic, deliveries, delivers: WakeFlag::new() });
        Self { room, first, live: BroadcastStream::new(live), lives: WakeFlag::new(), messages, connection }
    }

    /// What the roster told of the topic.
    fn poll_live(&mut self, cx: &Context<'_>) -> Poll<News> {
        let Some(waker) = self.lives.take(cx) else { return Poll::Pending };
        let told = ready!(Pin::new(&mut self.live).poll_next(&mut Context::from_waker(&waker)));
        self.lives.set();
        Poll::Ready(match told {
            Some(Ok(frames)) => News::Frames(frames),
            Some(Err(BroadcastStreamRecvError::Lagged(_))) => {
                let Joined { mut first, live, .. } = self.room.join(None);
                first.reverse();
                self.first = first;
                self.live = BroadcastStream::new(live);
                News::Skipped
            }
            // Not reached: the sender is in the room, which this value keeps alive.
            None => return Poll::Pending,
        })
    }

    fn poll_message(&mut self, cx: &Context<'_>) -> Poll<Shared> {
        let Some(Messages { topic, deliveries, delivers }) = &mut self.messages else { return Poll::Pending };
        let Some(waker) = delivers.take(cx) else { return Poll::Pending };
        while let Poll::Ready(Some(delivery)) = deliveries.poll_next_unpin(&mut Context::from_waker(&waker)) {
            let frames = match delivery {
                Delivery::Event(event) => self.room.message(topic, event),
                Delivery::Missed(missed) => {
                    self.room.encode(&Update::Missed { topic: topic.clone(), missed })
                }
                Delivery::Position(id) => self.room.encode(&Update::Position { topic: topic.clone(), id }),
                Delivery::Signal { payload, .. } => match self.room.signal(topic, &payload) {
                    Some(signal) if signal.by != self.connection => signal.frames,
                    _ => continue,
                },
            };
            delivers.set();
            return Poll::Ready(frames);
        }
        Poll::Pending
    }
}

impl Stream for Place {
    type Item = News;

    /// Never ends.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<News>> {
        if let Some(frames) = self.first.pop() {
            return Poll::Ready(Some(News::Frames(frames)));
        }
        match self.poll_live(cx) {
            Poll::Ready(news) => Poll::Ready(Some(news)),
            Poll::Pending => self.poll_message(cx).map(|frames| Some(News::Frames(frames))),
        }
    }
}
