//! A room: one channel or prefix, with its subscribers in this process.

use super::backend::{Interest, Page, ReadFrom};
use super::ring::Ring;
use super::wakers::Wakers;
use crate::broker::{Delivery, Event, EventId, Missed};
use parking_lot::Mutex;
use std::task::Waker;

/// Most events that are set aside while the room is brought up to date; if there are more, that is
/// repeated.
const EARLY_EVENTS: usize = 256;
/// Most bytes of payload of those events.
const EARLY_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Room {
    pub(super) interest: Interest,
    pub(super) state: Mutex<State>,
}

/// The state of a room. It is *in step* if every event up to `head` was put into the ring, and all
/// later ones will be announced.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one room")]
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) wakers: Wakers,
    /// Number of subscribers; the room ends with the last one.
    pub(super) members: usize,
    pub(super) in_step: bool,
    /// Whether the room is with the driver, or queued for it.
    queued: bool,
    /// Whether announcements may have been lost since the driver began.
    again: bool,
    /// Whether the room was ever in step: `head` is then meaningful even if it is `None`.
    begun: bool,
    /// The newest event that was passed on; `None` if there was no history.
    pub(super) head: Option<EventId>,
    /// How often the incarnation has changed.
    pub(super) turn: u64,
    /// Events announced while the room was not in step, each with the number before it.
    early: Vec<(Event, Option<u64>)>,
    early_bytes: usize,
}

/// What must be done once the room's lock is released.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Then {
    pub(super) wake: Vec<Waker>,
    /// Whether to give the room to the driver.
    pub(super) queue: bool,
}

impl Room {
    pub(super) fn new(interest: Interest) -> Self {
        Self { interest, state: Mutex::default() }
    }
}

impl State {
    /// Puts the room in step at once, for a backend in this process.
    pub(super) fn opened(&mut self, head: Option<EventId>) {
        (self.in_step, self.begun, self.head) = (true, true, head);
    }

    /// Passes on an announced event, unless it is a repeat or an event before it is missing.
    ///
    /// `previous` is the number before it in its history, zero for the first; `None` if the backend
    /// knows that none is missing.
    pub(super) fn stored(&mut self, event: Event, previous: Option<u64>) -> Then {
        if !self.in_step {
            self.set_aside(event, previous);
            return Then::default();
        }
        let follows = match self.head {
            Some(head) if head.incarnation == event.id.incarnation => {
                if event.id.number <= head.number {
                    return Then::default();
                }
                previous.is_none_or(|previous| previous == head.number)
            }
            // The first event of a new history: the room has passed on all of the old one, so
            // nothing is missed.
            _ => previous.is_none_or(|previous| previous == 0),
        };
        if !follows {
            self.set_aside(event, previous);
            return self.recheck();
        }
        self.pass(event);
        Then { wake: self.wakers.take(), queue: false }
    }

    fn pass(&mut self, event: Event) {
        self.turn += u64::from(self.head.is_some_and(|head| head.incarnation != event.id.incarnation));
        self.head = Some(event.id);
        self.ring.push(Delivery::Event(event));
    }

    fn set_aside(&mut self, event: Event, previous: Option<u64>) {
        if self.early.len() == EARLY_EVENTS || self.early_bytes > EARLY_BYTES {
            self.again = true;
        } else {
            self.early_bytes += event.payload.len();
            self.early.push((event, previous));
        }
    }

    /// Passes on a delivery that is not part of the history.
    pub(super) fn pass_by(&mut self, delivery: Delivery) -> Then {
        self.ring.push(delivery);
        Then { wake: self.wakers.take(), queue: false }
    }

    /// Announcements may have been lost: the driver must read from the server.
    pub(super) fn recheck(&mut self) -> Then {
        self.in_step = false;
        self.again = true;
        Then { wake: Vec::new(), queue: !std::mem::replace(&mut self.queued, true) }
    }

    /// Starts an attempt of the driver; returns where it must read from.
    pub(super) fn begin(&mut self) -> ReadFrom {
        self.again = false;
        if self.begun { ReadFrom::position(self.head) } else { ReadFrom::Last(0) }
    }

    /// Passes on a page that the driver has read.
    pub(super) fn read(&mut self, page: Page) -> Then {
        if let Some(missed) = page.missed {
            self.turn += u64::from(missed == Missed::Incarnation);
            self.ring.push(Delivery::Missed(missed));
        }
        for event in page.events {
            self.pass(event);
        }
        (self.head, self.begun) = (page.position, true);
        Then { wake: self.wakers.take(), queue: false }
    }

    /// Ends an attempt: the driver has read everything stored or, for a prefix, has opened it.
    /// Returns false if the driver must go on.
    pub(super) fn finish(&mut self, of_prefix: bool) -> (bool, Then) {
        let mut wake = Vec::new();
        if !self.again {
            if of_prefix && self.begun {
                self.ring.push(Delivery::Missed(Missed::Interrupted));
            }
            (self.in_step, self.begun) = (true, true);
            self.early_bytes = 0;
            for (event, previous) in std::mem::take(&mut self.early) {
                wake.extend(self.stored(event, previous).wake);
            }
        }
        let done = self.in_step;
        self.queued = !done;
        if !done {
            // The events set aside will be read from the history.
            self.early = Vec::new();
            self.early_bytes = 0;
        }
        wake.extend(self.wakers.take());
        (done, Then { wake, queue: false })
    }
}
