//! The backend trait: what a hub requires of the server behind it.

use crate::broker::{Channel, Event, EventId, Missed};
use crate::store::Result;
use async_trait::async_trait;
use std::sync::Arc;

/// What subscribers of this process are interested in. Exhaustive on purpose: a backend serves
/// both.
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
    /// With the oldest stored event: the reader knows a time when there was no history, and nothing
    /// since.
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
    /// What cannot be replayed before the first of `events`.
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

/// A server that stores events and announces them to this process.
///
/// Announcements are passed to [`Hub::stored`](super::Hub::stored),
/// [`Hub::signal`](super::Hub::signal) and [`Hub::prefixed`](super::Hub::prefixed). Whenever some
/// may have been lost, the backend calls [`Hub::interrupted`](super::Hub::interrupted), and the hub
/// reads everything that it needs again.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Starts announcing; returns once everything stored or signalled from then on will be
    /// announced. May be called again for an open interest.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn open(&self, interest: &Interest) -> Result<()>;

    /// Stops announcing. Must neither wait nor call the hub: it is called under the hub's lock, so
    /// that it is ordered with the next `open`.
    fn close(&self, interest: &Interest);

    /// Reads a page of history, including everything that was announced before the call.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page>;

    /// Reads what came after the room's head, an event that this process has received. Default:
    /// [`read`](Self::read).
    ///
    /// Lets a backend detect that its server lost its newest events (in a failover): if the head is
    /// neither stored nor trimmed, the history becomes another incarnation for all subscribers.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with backoff.
    async fn read_after_head(&self, channel: &Channel, head: EventId) -> Result<Page> {
        self.read(channel, ReadFrom::After(head)).await
    }

    /// For a backend in the same process: calls `opened` with the position of the channel while
    /// nothing can be stored, and returns true. Default: false, and the hub calls `open` and
    /// `read`.
    fn open_at_once(&self, interest: &Interest, opened: &mut dyn FnMut(Option<EventId>)) -> bool {
        let _ = (interest, opened);
        false
    }
}
