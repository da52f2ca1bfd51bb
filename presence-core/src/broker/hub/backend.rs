//! What a hub needs of the server behind it.

use crate::broker::{Channel, Event, EventId, Missed};
use crate::store::Result;
use async_trait::async_trait;
use std::sync::Arc;

/// What somebody in this process wants to hear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Interest {
    /// One channel.
    Channel(Channel),
    /// All channels whose name starts so.
    Prefix(Arc<str>),
}

/// Where a page of history starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With the oldest stored event: the reader has seen a time when there was no history, and
    /// nothing since.
    Beginning,
    /// With the first event after this one.
    After(EventId),
    /// With the oldest of the newest `n` events; `Last(0)` asks only for the position.
    Last(usize),
}

impl ReadFrom {
    /// To go on after a position.
    pub fn position(position: Option<EventId>) -> Self {
        let position = position.filter(|id| *id != EventId::BEGINNING);
        position.map_or(Self::Beginning, Self::After)
    }
}

/// The most events of one page.
pub const PAGE_EVENTS: usize = 128;
/// The most bytes of payload of one page, unless its only event is larger.
pub const PAGE_BYTES: usize = 256 * 1024;

/// A part of a channel's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What cannot be replayed before the first of `events`.
    ///
    /// `Trimmed`: events after the one asked for, or after the beginning, are gone. `Incarnation`:
    /// the id asked for is of another history, or there is none any more; `events` then start with
    /// the oldest that is stored. Never with `ReadFrom::Last`.
    pub missed: Option<Missed>,
    /// At most [`PAGE_EVENTS`] and [`PAGE_BYTES`], in order.
    pub events: Vec<Event>,
    /// Where to go on: the id of the last of `events`, without any the position that was asked for
    /// (of `ReadFrom::Last`, that of the newest event, even when that is trimmed). `None` when the
    /// channel has no history.
    pub position: Option<EventId>,
    /// Whether more is stored after `events`.
    pub more: bool,
}

/// A server that stores events and announces them to this process.
///
/// What it announces goes to [`Hub::stored`](super::Hub::stored),
/// [`Hub::signal`](super::Hub::signal) and [`Hub::prefixed`](super::Hub::prefixed); whenever
/// announcements may have been lost it calls [`Hub::interrupted`](super::Hub::interrupted), and the
/// hub asks again for everything it needs.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Begins to announce; returns once everything that is stored or signalled from then on will
    /// be. May be called again for what is open already.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with a growing pause.
    async fn open(&self, interest: &Interest) -> Result<()>;

    /// Stops announcing. Must neither wait nor call the hub: it is called under the hub's lock, so
    /// that it comes in order with the next `open`.
    fn close(&self, interest: &Interest);

    /// Reads a page of history, after everything that was announced before the call.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with a growing pause.
    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page>;

    /// Reads what came after the room's head, an event that this process has seen itself. Default:
    /// [`read`](Self::read).
    ///
    /// A backend whose server can lose its newest events without knowing (a failover) learns of it
    /// here: if the head is neither stored nor trimmed, the history becomes another incarnation for
    /// everybody.
    ///
    /// # Errors
    /// Those of the server; the hub tries again, with a growing pause.
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
