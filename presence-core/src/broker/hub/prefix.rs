//! The stream of a subscriber to a prefix: live events only, without history.

use super::Inner;
use super::backend::Interest;
use super::room::Room;
use crate::broker::{Delivery, Missed};
use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(super) struct Subscription {
    hub: Arc<Inner>,
    interest: Interest,
    inside: Option<Inside>,
}

struct Inside {
    room: Arc<Room>,
    place: u32,
    cursor: Option<u64>,
}

impl Subscription {
    pub(super) fn new(hub: Arc<Inner>, prefix: Arc<str>) -> Self {
        Self { hub, interest: Interest::Prefix(prefix), inside: None }
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let this = self.get_mut();
        let inside = this.inside.get_or_insert_with(|| {
            let room = this.hub.enter(&this.interest);
            let place = room.state.lock().wakers.enter();
            Inside { room, place, cursor: None }
        });
        let mut state = inside.room.state.lock();
        let delivery = if let Some(cursor) = &mut inside.cursor {
            state.ring.next(cursor)
        } else {
            // Events that arrive before the server has answered are delivered too.
            inside.cursor = Some(state.ring.enter());
            Ok(None)
        };
        match delivery {
            Ok(Some(delivery)) => Poll::Ready(Some(delivery)),
            Ok(None) => {
                state.wakers.wait(inside.place, context);
                Poll::Pending
            }
            Err(_overrun) => {
                inside.cursor = Some(state.ring.enter());
                Poll::Ready(Some(Delivery::Missed(Missed::Slow)))
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(Inside { room, place, cursor }) = self.inside.take() {
            self.hub.leave(&room, place, cursor);
        }
    }
}
