//! The backend trait: what a hub requires of the server of a broker.

use crate::broker::{Channel, Event, EventId, Missed};
use crate::store::Result;
use async_trait::async_trait;
use std::sync::Arc;

/// What a subscriber of this process subscribes to. Exhaustive on purpose: a backend serves both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Interest {
    /// One channel.
    Channel(Channel),
    /// All channels whose name starts with this prefix.
    Prefix(Arc<str>),
}

/// Where a page of history starts. Exhaustive on purpose: a backend serves every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With the oldest stored event. For a reader that was there before the channel had a history,
    /// and has received nothing since.
    Beginning,
    /// With the first event after this one.
    After(EventId),
    /// With the oldest of the newest `n` events; `Last(0)` reads only the position.
    Last(usize),
}

impl ReadFrom {
    /// The start of a page that continues after a position.
    pub fn position(position: Option<EventId>) -> Self {
        let position = position.filter(|id| *id != EventId::BEGINNING);
        position.map_or(Self::Beginning, Self::After)
    }
}

/// Most events of one page.
pub const PAGE_EVENTS: usize = 128;
/// Most bytes of payload of one page, unless its only event is larger.
pub const PAGE_BYTES: usize = 256 * 1024;

/// A page of a channel's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What cannot be replayed before the first event of the page.
    ///
    /// `Trimmed`: events after the requested one, or after the beginning, are gone. `Incarnation`:
    /// the requested id belongs to another history, or there is none any more; `events` then start
    /// with the oldest stored event. Never with `ReadFrom::Last`.
    pub missed: Option<Missed>,
    /// At most [`PAGE_EVENTS`] and [`PAGE_BYTES`], in order.
    pub events: Vec<Event>,
    /// Where to continue: the id of the last of `events`; if there are none, the requested position
    /// (for `ReadFrom::Last`, that of the newest event, even if it is trimmed). `None` if the
    /// channel has no history.
    pub position: Option<EventId>,
    /// Whether more is stored after `events`.
    pub more: bool,
}

/// The server of a broker: it stores events and announces them to this process.
///
/// The backend passes announcements to [`Hub::stored`](super::Hub::stored),
/// [`Hub::signal`](super::Hub::signal) and [`Hub::prefixed`](super::Hub::prefixed). When some may
/// have been lost, it calls [`Hub::interrupted`](super::Hub::interrupted), and the hub reads the
/// history of all channels with subscribers.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Starts announcing. When it returns, everything that is stored or signalled from then on will
    /// be announced. May be called again for an interest that is open.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn open(&self, interest: &Interest) -> Result<()>;

    /// Stops announcing. It is called under the hub's lock, so that it comes before the next
    /// `open`. So it must neither wait nor call the hub.
    fn close(&self, interest: &Interest);

    /// Reads a page of history, including everything that was announced before the call.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page>;

    /// Reads the events after the room's head, which is an event that this process has received.
    /// Default: [`read`](Self::read).
    ///
    /// A backend can implement it to detect that its server lost its newest events, as in a
    /// failover: if the head is neither stored nor trimmed, it changes the incarnation of the
    /// history for all subscribers.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn read_after_head(&self, channel: &Channel, head: EventId) -> Result<Page> {
        self.read(channel, ReadFrom::After(head)).await
    }

    /// For a backend in the same process: calls `opened` with the position of the channel, under a
    /// lock that prevents new events, and returns true. Default: returns false, and the hub calls
    /// `open` and `read`.
    fn open_at_once(&self, interest: &Interest, opened: &mut dyn FnMut(Option<EventId>)) -> bool {
        let _ = (interest, opened);
        false
    }
}
