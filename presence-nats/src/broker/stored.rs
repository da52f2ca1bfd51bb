//! Events as the stream has them.

use super::chain::Chain;
use async_nats::Message;
use bytes::Bytes;
use presence_core::Timestamp;
use presence_core::broker::{Channel, Event, EventId};

/// By which the server recognises a publish that is repeated.
pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";
/// By which a publisher recognises its own event when the answer to it did not come. The server
/// knows nothing of it: one that it knew it would have to keep in memory for each event.
pub(super) const NONCE: &str = "Presence-Nonce";

/// A message of the stream.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    /// `None` for what somebody else put there.
    pub(super) chain: Option<Chain>,
    /// Its idempotency key, as the server knows it.
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

    /// As an event; `None` for what is none of ours.
    pub(super) fn event(self, channel: &Channel) -> Option<(Event, Chain)> {
        let (id, chain) = (self.id()?, self.chain?);
        Some((Event::new(id, channel.clone(), self.payload, self.at).closing(chain.last), chain))
    }

    /// As the answer to a direct get.
    pub(super) fn direct(message: Message) -> Option<Self> {
        let headers = message.headers?;
        let seq = headers.get("Nats-Sequence")?.as_str().parse().ok()?;
        let at = headers.get("Nats-Time-Stamp")?.as_str().to_owned();
        let at = crate::jetstream::api::Time::try_from(at).ok()?.0;
        let message_id = headers.get(MESSAGE_ID).map(|id| id.as_str().into());
        let nonce = headers.get(NONCE).and_then(|text| nonce(text.as_str()));
        let chain = Chain::of(Some(&headers));
        Some(Self { seq, at, chain, message_id, nonce, payload: message.payload })
    }
}
