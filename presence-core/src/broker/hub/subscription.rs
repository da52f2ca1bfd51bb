//! The stream of a subscriber to one channel: first history, then live events.

use super::backend::{Interest, Page, ReadFrom};
use super::room::{Room, State};
use super::{Inner, driver};
use crate::broker::{Channel, Delivery, Event, EventId, Missed, Start};
use crate::store::Result;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A subscription, which enters its room when it is first polled.
pub(super) struct Subscription {
    hub: Arc<Inner>,
    channel: Channel,
    inside: Option<Inside>,
    stage: Stage,
    /// The newest event that was delivered, or the position at which the subscription began.
    last: Option<EventId>,
    /// Whether anything was read or delivered. If events were trimmed after that, the subscriber
    /// was too slow.
    begun: bool,
    /// Whether the position must still be delivered.
    delivers_position: bool,
}

struct Inside {
    room: Arc<Room>,
    place: u32,
    entered: Option<Entered>,
}

/// The point from which this subscriber gets the deliveries of the room. Set before it
/// reads the history.
struct Entered {
    cursor: u64,
    /// The room's `incarnation_changes` and the incarnation of its head at that point.
    incarnation_changes: u64,
    incarnation: Option<u64>,
}

impl Entered {
    fn now(state: &mut State) -> Self {
        let incarnation = state.head.map(|head| head.incarnation);
        Self { cursor: state.ring.enter(), incarnation_changes: state.incarnation_changes, incarnation }
    }

    /// Whether the ring continues a page that ends in this incarnation.
    fn meets(&self, incarnation: u64, state: &State) -> bool {
        let Some(entered) = self.incarnation else {
            let head = state.head.map(|head| head.incarnation);
            return self.incarnation_changes == state.incarnation_changes && head == Some(incarnation);
        };
        entered == incarnation
    }
}

enum Stage {
    /// Waits until the room is current. Then reads history, or is live at once if this is `None`.
    Entering(Option<ReadFrom>),
    Reading(BoxFuture<'static, Result<Page>>, ReadFrom, u32),
    Pausing(BoxFuture<'static, ()>, ReadFrom, u32),
    /// Delivers the events that were read.
    Replaying(Backlog),
    Live,
}

struct Backlog {
    missed: Option<Missed>,
    events: VecDeque<Event>,
    more: bool,
}

impl Subscription {
    pub(super) fn new(hub: Arc<Inner>, channel: Channel, start: Start) -> Self {
        let from = match start {
            Start::Live | Start::Here | Start::Last(0) => None,
            Start::After(id) => Some(ReadFrom::position(Some(id))),
            Start::Last(count) => Some(ReadFrom::Last(count)),
        };
        let (stage, delivers_position) = (Stage::Entering(from), start == Start::Here);
        Self { hub, channel, inside: None, stage, last: None, begun: false, delivers_position }
    }

    fn reading(&self, from: ReadFrom, failures: u32) -> Stage {
        let (backend, channel) = (Arc::clone(&self.hub.backend), self.channel.clone());
        Stage::Reading(Box::pin(async move { backend.read(&channel, from).await }), from, failures)
    }

    fn replaying(&mut self, page: Page) -> Stage {
        let missed = match page.missed {
            Some(Missed::Trimmed) if self.begun => Some(Missed::Slow),
            missed => missed,
        };
        (self.last, self.begun) = (page.position, true);
        Stage::Replaying(Backlog { missed, events: page.events.into(), more: page.more })
    }

    /// Continues in the room after all events that were read, or reads again if the ring does not
    /// continue them.
    fn meet(&mut self, inside: &mut Inside) -> Stage {
        let mut state = inside.room.state.lock();
        let entered = inside.entered.take().filter(|entered| !state.ring.has_lost(entered.cursor));
        let Some(entered) = entered else {
            inside.entered = Some(Entered::now(&mut state));
            drop(state);
            return self.reading(ReadFrom::position(self.last), 0);
        };
        if self.last.is_none_or(|last| entered.meets(last.incarnation, &state)) {
            inside.entered = Some(entered);
            return Stage::Live;
        }
        // The page belongs to a history that the room does not know yet, or to an older one.
        state.ring.leave(entered.cursor);
        let then = state.recheck();
        drop(state);
        drop(self.hub.follow_up(&inside.room, then));
        Stage::Entering(Some(ReadFrom::position(self.last)))
    }

    fn poll_stage(&mut self, inside: &mut Inside, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        match &mut self.stage {
            Stage::Entering(from) => {
                let mut state = inside.room.state.lock();
                if !state.is_current {
                    state.wakers.wait(inside.place, context);
                    return Poll::Pending;
                }
                inside.entered = Some(Entered::now(&mut state));
                // A subscriber that is up to date needs no history, so that a wave of reconnections
                // reads nothing.
                if let Some(from) = from.filter(|from| *from != ReadFrom::position(state.head)) {
                    drop(state);
                    self.stage = self.reading(from, 0);
                } else {
                    (self.last, self.begun, self.stage) = (state.head, true, Stage::Live);
                    if std::mem::take(&mut self.delivers_position) {
                        let position = self.last.unwrap_or(EventId::BEGINNING);
                        return Poll::Ready(Some(Delivery::Position(position)));
                    }
                }
            }
            Stage::Reading(reading, from, failures) => {
                let (from, failures) = (*from, *failures);
                self.stage = match ready!(reading.as_mut().poll(context)) {
                    Ok(page) => self.replaying(page),
                    Err(_unavailable) => {
                        let pause = Box::pin(tokio::time::sleep(driver::pause(failures)));
                        Stage::Pausing(pause, from, failures)
                    }
                };
            }
            Stage::Pausing(pause, from, failures) => {
                let (from, failures) = (*from, *failures);
                ready!(pause.as_mut().poll(context));
                self.stage = self.reading(from, failures + 1);
            }
            Stage::Replaying(backlog) => {
                if let Some(missed) = backlog.missed.take() {
                    return Poll::Ready(Some(Delivery::Missed(missed)));
                }
                if let Some(event) = backlog.events.pop_front() {
                    return Poll::Ready(Some(Delivery::Event(event)));
                }
                self.stage = if backlog.more {
                    self.reading(ReadFrom::position(self.last), 0)
                } else {
                    self.meet(inside)
                };
            }
            Stage::Live => return self.poll_live(inside, context),
        }
        Poll::Ready(None)
    }

    /// Delivers from the ring; `Ready(None)` after a change of stage.
    fn poll_live(&mut self, inside: &mut Inside, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let mut state = inside.room.state.lock();
        let Some(Entered { cursor, .. }) = &mut inside.entered else { return Poll::Ready(None) };
        loop {
            match state.ring.next(cursor) {
                Ok(Some(Delivery::Event(event))) => {
                    let read = |last: EventId| {
                        last.incarnation == event.id.incarnation && event.id.number <= last.number
                    };
                    if self.last.is_some_and(read) {
                        continue;
                    }
                    self.last = Some(event.id);
                    return Poll::Ready(Some(Delivery::Event(event)));
                }
                Ok(Some(delivery)) => {
                    if delivery == Delivery::Missed(Missed::Incarnation) {
                        // Everything in the new history is new to the subscriber.
                        self.last = None;
                    }
                    return Poll::Ready(Some(delivery));
                }
                Ok(None) => {
                    state.wakers.wait(inside.place, context);
                    return Poll::Pending;
                }
                Err(_overrun) => {
                    drop(state);
                    self.stage = self.meet(inside);
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let this = self.get_mut();
        let mut inside = this.inside.take().unwrap_or_else(|| {
            let room = this.hub.enter(&Interest::Channel(this.channel.clone()));
            let place = room.state.lock().wakers.enter();
            Inside { room, place, entered: None }
        });
        let polled = loop {
            match this.poll_stage(&mut inside, context) {
                Poll::Ready(None) => {}
                polled => break polled,
            }
        };
        this.inside = Some(inside);
        polled
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(Inside { room, place, entered }) = self.inside.take() {
            self.hub.leave(&room, place, entered.map(|entered| entered.cursor));
        }
    }
}
