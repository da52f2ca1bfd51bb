//! The hub: distributes a broker's events to the subscribers in this process.
//!
//! A [`Backend`] stores events and announces them. The hub passes them to the subscribers in this
//! process, and reads missing events from the history. It has one task, independent of the number
//! of channels and subscribers, and none if its backend answers at once. All subscribers of a
//! channel share the payload.
//!
//! # From history to live events
//! Each channel with a subscriber has a *room*. The *head* of a room is the newest event that it
//! has delivered. The room is *current* as long as each announced event follows its head. When one
//! does not, or when the backend reports that announcements may have been lost, the hub's task
//! opens the channel again and reads all events after the head; announcements are kept pending
//! meanwhile. So one read brings all subscribers of a room up to date.
//!
//! A subscriber enters the room first, and then reads the history. Events that were stored before
//! the read are in the page, later ones are in the room, and those in both are recognised by their
//! ids. A subscriber that is too slow for the room's ring reads the missing events from the
//! history, at its own pace.

mod backend;
mod driver;
mod prefix;
mod ring;
mod room;
mod subscription;
mod wakers;

pub use backend::{Backend, Interest, PAGE_BYTES, PAGE_EVENTS, Page, ReadFrom};
pub use ring::{RING_BYTES, RING_ENTRIES};

use super::{Channel, Delivery, Event, Start};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use room::{Room, State, Then};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use tokio::sync::mpsc;

/// Distributes events to the subscribers of this process. Clones share everything.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

/// A weak reference to a hub, which a backend may keep.
#[derive(Clone)]
pub struct WeakHub {
    inner: Weak<Inner>,
}

struct Inner {
    backend: Arc<dyn Backend>,
    /// Locked before any room.
    rooms: Mutex<Rooms>,
    /// Sends rooms to the driver task, which is started for the first of them.
    driver: OnceLock<mpsc::UnboundedSender<Arc<Room>>>,
}

#[derive(Default)]
struct Rooms {
    channels: HashMap<Channel, Arc<Room>>,
    prefixes: HashMap<Arc<str>, Arc<Room>>,
}

impl Hub {
    /// Creates a hub on a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let inner = Inner { backend, rooms: Mutex::default(), driver: OnceLock::new() };
        Self { inner: Arc::new(inner) }
    }

    /// A weak reference, for the code that calls this hub.
    pub fn downgrade(&self) -> WeakHub {
        WeakHub { inner: Arc::downgrade(&self.inner) }
    }

    /// The events of a channel, as specified by [`Broker::subscribe`](super::Broker::subscribe).
    pub fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        subscription::Subscription::new(Arc::clone(&self.inner), channel.clone(), from).boxed()
    }

    /// Live events and signals, as specified by
    /// [`Broker::subscribe_prefix`](super::Broker::subscribe_prefix).
    pub fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        prefix::Subscription::new(Arc::clone(&self.inner), prefix.into()).boxed()
    }

    /// Passes a stored event to the subscribers of its channel.
    ///
    /// `previous` is the number of the preceding event in the history, zero for the first one;
    /// `None` if the backend knows that this hub has received all earlier ones. Events of one
    /// channel must be passed in order; repeated ones are ignored.
    pub fn stored(&self, event: Event, previous: Option<u64>) -> Wakes {
        let room = self.inner.room(&event.channel);
        room.map_or_else(Wakes::default, |room| {
            self.inner.change(&room, |state| state.stored(event, previous))
        })
    }

    /// Passes a signal to the subscribers of its channel.
    pub fn signal(&self, channel: &Channel, payload: Bytes) -> Wakes {
        let Some(room) = self.inner.room(channel) else { return Wakes::default() };
        let delivery = Delivery::Signal { channel: channel.clone(), payload };
        self.inner.change(&room, |state| state.deliver_live(delivery))
    }

    /// Passes an event or signal to the subscribers of exactly this prefix.
    pub fn prefixed(&self, prefix: &str, delivery: Delivery) -> Wakes {
        let room = self.inner.rooms.lock().prefixes.get(prefix).cloned();
        room.map_or_else(Wakes::default, |room| {
            self.inner.change(&room, |state| state.deliver_live(delivery))
        })
    }

    /// Passes an event or signal to the subscribers of any prefix of the channel's name.
    pub fn by_prefix(&self, channel: &Channel, delivery: &Delivery) -> Wakes {
        let rooms = self.inner.rooms.lock();
        if rooms.prefixes.is_empty() {
            return Wakes::default();
        }
        let matching = rooms.prefixes.iter().filter(|(prefix, _)| channel.as_str().starts_with(&***prefix));
        let matching: Vec<_> = matching.map(|(_, room)| Arc::clone(room)).collect();
        drop(rooms);
        let change = |room| self.inner.change(&room, |state| state.deliver_live(delivery.clone()));
        matching.into_iter().map(change).reduce(Wakes::and).unwrap_or_default()
    }

    /// To be called when announcements of any channel may have been lost: opens all interests
    /// again, and reads the stored events.
    pub fn interrupted(&self) {
        let rooms = self.inner.rooms.lock();
        let all: Vec<_> = rooms.channels.values().chain(rooms.prefixes.values()).cloned().collect();
        drop(rooms);
        for room in all {
            self.inner.change(&room, State::recheck);
        }
    }

    /// To be called when announcements of this channel may have been lost, or its history has
    /// another incarnation.
    pub fn recheck(&self, channel: &Channel) {
        if let Some(room) = self.inner.room(channel) {
            self.inner.change(&room, State::recheck);
        }
    }

    /// Whether this process has a subscriber of this channel.
    pub fn has(&self, channel: &Channel) -> bool {
        self.inner.rooms.lock().channels.contains_key(channel)
    }

    /// Number of channels and prefixes with a subscriber in this process.
    pub fn rooms(&self) -> usize {
        let rooms = self.inner.rooms.lock();
        rooms.channels.len() + rooms.prefixes.len()
    }
}

/// Wakes subscribers when it is dropped. So a backend that calls the hub under a lock can release
/// the lock first.
#[derive(Debug, Default)]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    /// Combines two sets of subscribers.
    fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl WeakHub {
    /// The hub, unless its broker was dropped.
    pub fn upgrade(&self) -> Option<Hub> {
        self.inner.upgrade().map(|inner| Hub { inner })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("rooms", &self.rooms()).finish_non_exhaustive()
    }
}

impl fmt::Debug for WeakHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHub").finish_non_exhaustive()
    }
}

impl Inner {
    fn room(&self, channel: &Channel) -> Option<Arc<Room>> {
        self.rooms.lock().channels.get(channel).cloned()
    }

    fn change(self: &Arc<Self>, room: &Arc<Room>, change: impl FnOnce(&mut State) -> Then) -> Wakes {
        let then = change(&mut room.state.lock());
        self.follow_up(room, then)
    }

    fn follow_up(self: &Arc<Self>, room: &Arc<Room>, then: Then) -> Wakes {
        if then.queue {
            self.queue(room);
        }
        Wakes(then.wake)
    }

    fn queue(self: &Arc<Self>, room: &Arc<Room>) {
        let driver = self.driver.get_or_init(|| {
            let (sender, rooms) = mpsc::unbounded_channel();
            tokio::spawn(driver::run(Arc::downgrade(self), rooms));
            sender
        });
        // Fails only if the receiver is gone, because the runtime is shutting down.
        let _ = driver.send(Arc::clone(room));
    }

    /// Adds a subscriber to the room of an interest; the first one opens the room.
    fn enter(self: &Arc<Self>, interest: &Interest) -> Arc<Room> {
        let mut rooms = self.rooms.lock();
        let new = || Arc::new(Room::new(interest.clone()));
        let room = match interest {
            Interest::Channel(channel) => rooms.channels.entry(channel.clone()).or_insert_with(new),
            Interest::Prefix(prefix) => rooms.prefixes.entry(Arc::clone(prefix)).or_insert_with(new),
        };
        let room = Arc::clone(room);
        let first = {
            let mut state = room.state.lock();
            state.members += 1;
            state.members == 1
        };
        drop(rooms);
        if first {
            let at_once = self.backend.open_at_once(interest, &mut |head| room.state.lock().opened(head));
            if !at_once {
                self.change(&room, State::recheck);
            }
        }
        room
    }

    /// Removes a subscriber from a room; the last one closes the room.
    fn leave(&self, room: &Arc<Room>, place: u32, cursor: Option<u64>) {
        let mut rooms = self.rooms.lock();
        let mut state = room.state.lock();
        state.wakers.leave(place);
        if let Some(cursor) = cursor {
            state.ring.leave(cursor);
        }
        state.members -= 1;
        if state.members == 0 {
            drop(state);
            rooms.remove(&room.interest);
            self.backend.close(&room.interest);
        }
    }

    /// Closes an interest if its room was removed while the interest was opened.
    fn close_unless_wanted(&self, interest: &Interest) {
        let rooms = self.rooms.lock();
        let wanted = match interest {
            Interest::Channel(channel) => rooms.channels.contains_key(channel),
            Interest::Prefix(prefix) => rooms.prefixes.contains_key(prefix),
        };
        if !wanted {
            self.backend.close(interest);
        }
    }
}

impl Rooms {
    fn remove(&mut self, interest: &Interest) {
        match interest {
            Interest::Channel(channel) => self.channels.remove(channel),
            Interest::Prefix(prefix) => self.prefixes.remove(prefix),
        };
        if self.channels.capacity() > 4 * self.channels.len() + 64 {
            self.channels.shrink_to(2 * self.channels.len());
        }
    }
}

#[cfg(test)]
mod tests;
