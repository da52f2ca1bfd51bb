//! Events as they are stored in the stream.

use super::chain::Chain;
use crate::codec::value;
use async_nats::Message;
use bytes::Bytes;
use presence_core::Timestamp;
use presence_core::broker::{Channel, Event, EventId, EventKind};

/// The header by which the server recognises a repeated publish.
pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The header by which a publisher recognises its own event when the acknowledgement was lost. The
/// server does not interpret it. A `Nats-Msg-Id` for every event would take the server's memory.
pub(super) const NONCE: &str = "Presence-Nonce";

/// A message of the stream.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    /// `None` for a message that this crate did not publish.
    pub(super) chain: Option<Chain>,
    /// Its idempotency key, in the form of a `Nats-Msg-Id`.
    pub(super) message_id: Option<Box<str>>,
    pub(super) nonce: Option<u64>,
    pub(super) payload: Bytes,
}

/// Reads the header [`NONCE`].
pub(super) fn nonce(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

impl Stored {
    pub(super) fn id(&self) -> Option<EventId> {
        self.chain.map(|chain| EventId { incarnation: chain.incarnation, number: self.seq })
    }

    /// Converts it to an event; `None` for a message that this crate did not publish.
    pub(super) fn event(self, channel: &Channel) -> Option<(Event, Chain)> {
        let (id, chain) = (self.id()?, self.chain?);
        let kind = if chain.last { EventKind::Last } else { EventKind::Ordinary };
        Some((Event::new(id, channel.clone(), self.payload, self.at).of_kind(kind), chain))
    }

    /// Reads it from the answer to a direct get.
    pub(super) fn direct(message: Message) -> Option<Self> {
        let headers = message.headers?;
        let seq = value(&headers, "Nats-Sequence")?.parse().ok()?;
        let at = value(&headers, "Nats-Time-Stamp")?.to_owned();
        let at = crate::jetstream::api::Time::try_from(at).ok()?.0;
        let message_id = value(&headers, MESSAGE_ID).map(Box::from);
        let nonce = value(&headers, NONCE).and_then(nonce);
        let chain = Chain::of(Some(&headers));
        Some(Self { seq, at, chain, message_id, nonce, payload: message.payload })
    }
}
