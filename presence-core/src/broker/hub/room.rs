//! A room: one channel or prefix, with its subscribers in this process.

use super::backend::{Interest, Page, ReadFrom};
use super::ring::Ring;
use super::wakers::Wakers;
use crate::broker::{Delivery, Event, EventId, Missed};
use parking_lot::Mutex;
use std::task::Waker;

/// The maximum number of announced events that are kept while the driver reads the history. If
/// there are more, it reads again.
const MAX_PENDING_EVENTS: usize = 256;
/// The maximum size of their payloads, in bytes.
const MAX_PENDING_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Room {
    pub(super) interest: Interest,
    pub(super) state: Mutex<State>,
}

/// The state of a room. The room is *current* if every event up to `head` was put into the ring,
/// and all later ones will be announced.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one room")]
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) wakers: Wakers,
    /// Number of subscribers; the room ends with the last one.
    pub(super) members: usize,
    pub(super) is_current: bool,
    /// Whether the driver handles the room, or the room is queued for it.
    queued: bool,
    /// Whether announcements may have been lost since the driver began to read.
    must_reread: bool,
    /// Whether the head is known; `None` in `head` then means that there is no history.
    knows_head: bool,
    /// The newest event that was delivered; `None` if there was no history.
    pub(super) head: Option<EventId>,
    /// How often the incarnation has changed.
    pub(super) incarnation_changes: u64,
    /// Events that were announced while the room was not current, each with the number of the
    /// preceding event.
    pending: Vec<(Event, Option<u64>)>,
    pending_bytes: usize,
}

/// What must be done once the room's lock is released.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Then {
    pub(super) wake: Vec<Waker>,
    /// Whether to queue the room for the driver.
    pub(super) queue: bool,
}

impl Room {
    pub(super) fn new(interest: Interest) -> Self {
        Self { interest, state: Mutex::default() }
    }
}

impl State {
    /// Makes the room current at once, for a backend in this process.
    pub(super) fn opened(&mut self, head: Option<EventId>) {
        (self.is_current, self.knows_head, self.head) = (true, true, head);
    }

    /// Delivers an announced event, unless it is repeated, or an event before it is missing.
    ///
    /// `previous` is the number of the preceding event in the history, zero for the first one;
    /// `None` if the backend knows that none is missing.
    pub(super) fn stored(&mut self, event: Event, previous: Option<u64>) -> Then {
        if !self.is_current {
            self.keep_pending(event, previous);
            return Then::default();
        }
        let follows = match self.head {
            Some(head) if head.incarnation == event.id.incarnation => {
                if event.id.number <= head.number {
                    return Then::default();
                }
                previous.is_none_or(|previous| previous == head.number)
            }
            // The first event of a new history: the room has delivered all of the old one, so
            // nothing is missed.
            _ => previous.is_none_or(|previous| previous == 0),
        };
        if !follows {
            self.keep_pending(event, previous);
            return self.recheck();
        }
        self.deliver(event);
        Then { wake: self.wakers.take(), queue: false }
    }

    fn deliver(&mut self, event: Event) {
        self.incarnation_changes +=
            u64::from(self.head.is_some_and(|head| head.incarnation != event.id.incarnation));
        self.head = Some(event.id);
        self.ring.push(Delivery::Event(event));
    }

    fn keep_pending(&mut self, event: Event, previous: Option<u64>) {
        if self.pending.len() == MAX_PENDING_EVENTS || self.pending_bytes > MAX_PENDING_BYTES {
            self.must_reread = true;
        } else {
            self.pending_bytes += event.payload.len();
            self.pending.push((event, previous));
        }
    }

    /// Delivers a signal, or an event to subscribers by prefix: these are not read
    /// from the history.
    pub(super) fn deliver_live(&mut self, delivery: Delivery) -> Then {
        self.ring.push(delivery);
        Then { wake: self.wakers.take(), queue: false }
    }

    /// Called if announcements may have been lost: the driver must read from the server.
    pub(super) fn recheck(&mut self) -> Then {
        self.is_current = false;
        self.must_reread = true;
        Then { wake: Vec::new(), queue: !std::mem::replace(&mut self.queued, true) }
    }

    /// Starts an attempt of the driver; returns the position from which it must read.
    pub(super) fn begin(&mut self) -> ReadFrom {
        self.must_reread = false;
        if self.knows_head { ReadFrom::position(self.head) } else { ReadFrom::Last(0) }
    }

    /// Delivers a page that the driver has read.
    pub(super) fn read(&mut self, page: Page) -> Then {
        if let Some(missed) = page.missed {
            self.incarnation_changes += u64::from(missed == Missed::Incarnation);
            self.ring.push(Delivery::Missed(missed));
        }
        for event in page.events {
            self.deliver(event);
        }
        (self.head, self.knows_head) = (page.position, true);
        Then { wake: self.wakers.take(), queue: false }
    }

    /// Ends an attempt, in which the driver has read all stored events or, for a prefix, has only
    /// opened it. Returns false if the driver must try again.
    pub(super) fn finish(&mut self, of_prefix: bool) -> (bool, Then) {
        let mut wake = Vec::new();
        if !self.must_reread {
            if of_prefix && self.knows_head {
                self.ring.push(Delivery::Missed(Missed::Interrupted));
            }
            (self.is_current, self.knows_head) = (true, true);
            self.pending_bytes = 0;
            for (event, previous) in std::mem::take(&mut self.pending) {
                wake.extend(self.stored(event, previous).wake);
            }
        }
        let done = self.is_current;
        self.queued = !done;
        if !done {
            // The pending events will be read from the history.
            self.pending = Vec::new();
            self.pending_bytes = 0;
        }
        wake.extend(self.wakers.take());
        (done, Then { wake, queue: false })
    }
}
