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

/// The updates and messages of one topic for one connection. Nothing is queued: a connection that
/// falls behind gets the current state, and messages from the broker's history.
pub(super) struct TopicFeed {
    room: Arc<Room>,
    /// Updates to deliver before those of `live`, in reverse order.
    first: Vec<Shared>,
    live: BroadcastStream<Shared>,
    /// Set when `live` has to be polled.
    live_ready: WakeFlag,
    messages: Option<Messages>,
    connection: SessionId,
}

/// The messages of a topic.
struct Messages {
    topic: Topic,
    deliveries: BoxStream<'static, Delivery>,
    /// Set when `deliveries` has to be polled.
    deliveries_ready: WakeFlag,
}

/// What a connection gets from a topic.
pub(super) enum TopicEvent {
    Frames(Shared),
    /// The connection fell behind and missed updates; the current state follows.
    Skipped,
}

impl TopicFeed {
    pub(super) fn new(
        room: Arc<Room>,
        joined: Joined,
        messages: Option<(Topic, BoxStream<'static, Delivery>)>,
        connection: SessionId,
    ) -> Self {
        let Joined { mut first, live, .. } = joined;
        first.reverse();
        let messages = messages.map(|(topic, deliveries)| Messages {
            topic,
            deliveries,
            deliveries_ready: WakeFlag::new(),
        });
        Self {
            room,
            first,
            live: BroadcastStream::new(live),
            live_ready: WakeFlag::new(),
            messages,
            connection,
        }
    }

    /// The next update of the topic's room.
    fn poll_live(&mut self, cx: &Context<'_>) -> Poll<TopicEvent> {
        let Some(waker) = self.live_ready.take(cx) else { return Poll::Pending };
        let next = ready!(Pin::new(&mut self.live).poll_next(&mut Context::from_waker(&waker)));
        self.live_ready.set();
        Poll::Ready(match next {
            Some(Ok(frames)) => TopicEvent::Frames(frames),
            Some(Err(BroadcastStreamRecvError::Lagged(_))) => {
                let Joined { mut first, live, .. } = self.room.join(None);
                first.reverse();
                self.first = first;
                self.live = BroadcastStream::new(live);
                TopicEvent::Skipped
            }
            // Unreachable: the sender is owned by the room, which this value keeps alive.
            None => return Poll::Pending,
        })
    }

    fn poll_message(&mut self, cx: &Context<'_>) -> Poll<Shared> {
        let Some(Messages { topic, deliveries, deliveries_ready }) = &mut self.messages else {
            return Poll::Pending;
        };
        let Some(waker) = deliveries_ready.take(cx) else { return Poll::Pending };
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
                _ => continue,
            };
            deliveries_ready.set();
            return Poll::Ready(frames);
        }
        Poll::Pending
    }
}

impl Stream for TopicFeed {
    type Item = TopicEvent;

    /// Never ends.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TopicEvent>> {
        if let Some(frames) = self.first.pop() {
            return Poll::Ready(Some(TopicEvent::Frames(frames)));
        }
        match self.poll_live(cx) {
            Poll::Ready(news) => Poll::Ready(Some(news)),
            Poll::Pending => self.poll_message(cx).map(|frames| Some(TopicEvent::Frames(frames))),
        }
    }
}
