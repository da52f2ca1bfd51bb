//! One subscription of one connection.

use super::Update;
use super::room::{Joined, Room, Shared};
use futures_util::Stream;
use futures_util::stream::BoxStream;
use presence_core::broker::Delivery;
use presence_core::{SessionId, Topic};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// Yields what a connection is told of a topic. Nothing is queued for it: one that reads slowly
/// gets the state anew, and messages from the broker's history.
pub(super) struct Place {
    room: Arc<Room>,
    /// Newest first.
    first: Vec<Shared>,
    live: BroadcastStream<Shared>,
    messages: Option<(Topic, BoxStream<'static, Delivery>)>,
    connection: SessionId,
}

/// What a connection hears of one of its topics.
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
        Self { room, first, live: BroadcastStream::new(live), messages, connection }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Shared> {
        let Some((topic, messages)) = &mut self.messages else { return Poll::Pending };
        while let Poll::Ready(Some(delivery)) = messages.as_mut().poll_next(cx) {
            match delivery {
                Delivery::Event(event) => return Poll::Ready(self.room.message(topic, event)),
                Delivery::Missed(missed) => {
                    return Poll::Ready(self.room.encode(&Update::Missed { topic: topic.clone(), missed }));
                }
                Delivery::Signal { payload, .. } => {
                    if let Some(signal) = self.room.signal(topic, &payload)
                        && signal.by != self.connection
                    {
                        return Poll::Ready(signal.frames);
                    }
                }
            }
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
        match Pin::new(&mut self.live).poll_next(cx) {
            Poll::Ready(Some(Err(BroadcastStreamRecvError::Lagged(_)))) => {
                let Joined { mut first, live, .. } = self.room.join(None);
                first.reverse();
                self.first = first;
                self.live = BroadcastStream::new(live);
                Poll::Ready(Some(News::Skipped))
            }
            Poll::Ready(Some(Ok(frames))) => Poll::Ready(Some(News::Frames(frames))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_message(cx).map(|frames| Some(News::Frames(frames))),
        }
    }
}
