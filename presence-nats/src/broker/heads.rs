//! The newest event of each channel that a handle publishes to.

use super::stored::Stored;
use parking_lot::Mutex;
use presence_core::broker::Channel;
use std::collections::HashMap;
use std::sync::Arc;

/// The maximum number of cached channels, some 200 bytes and a name each. When it is exceeded, the
/// channels without a publish in progress are dropped; each then costs one more read.
const CHANNELS: usize = 16_384;

/// The newest event of a channel that this handle has seen. If it is out of date, the server
/// refuses the publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its sequence; zero while nothing is stored.
    pub(super) seq: u64,
    pub(super) incarnation: u64,
    /// The bytes of all payloads of this history.
    pub(super) bytes: u64,
    /// A lower bound of the bytes that are no longer stored.
    pub(super) trimmed: u64,
    /// Whether the newest event closes the channel.
    pub(super) closed: bool,
}

impl Head {
    /// The head of a channel whose newest message this is.
    pub(super) fn of(newest: Option<&Stored>) -> Self {
        let known = newest.and_then(|stored| Some((stored.seq, stored.chain?)));
        if let Some((seq, chain)) = known {
            return Self {
                seq,
                incarnation: chain.incarnation,
                bytes: chain.bytes,
                trimmed: 0,
                closed: chain.last,
            };
        }
        // The channel has no history: begin a new one.
        Self { seq: 0, incarnation: presence_core::random::u64(), bytes: 0, trimmed: 0, closed: false }
    }
}

/// The head of one channel, `None` while it is unknown. Locked during a publish, so that a handle
/// publishes to a channel one event at a time.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Head>>>;

#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<Channel, Slot>>);

impl Heads {
    pub(super) fn of(&self, channel: &Channel) -> Slot {
        let mut slots = self.0.lock();
        if let Some(slot) = slots.get(channel) {
            return Arc::clone(slot);
        }
        if slots.len() >= CHANNELS {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(channel.clone()).or_default())
    }

    /// Records an event that was stored by this handle or another one.
    pub(super) fn record(&self, channel: &Channel, stored: &Stored) {
        let slot = self.0.lock().get(channel).cloned();
        let Some(mut head) = slot.as_ref().and_then(|slot| slot.try_lock().ok()) else { return };
        if let Some(head) = &mut *head
            && head.seq < stored.seq
        {
            let now = Head::of(Some(stored));
            let trimmed = if now.incarnation == head.incarnation { head.trimmed } else { 0 };
            *head = Head { trimmed, ..now };
        }
    }

    /// Empties the cache.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}
