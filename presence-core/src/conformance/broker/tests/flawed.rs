//! Broken brokers, each of which violates one clause.

use super::super::ReferenceBroker;
use crate::broker::{Broker, Channel, Delivery, Event, EventId, EventKind, Publish, Published, Start};
use crate::store::{Error, Kind, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt};
use parking_lot::Mutex;
use std::collections::HashMap;

/// The flaw of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    KeysMeanNothing,
    KeysKnowNoChannel,
    ChannelsNeverClose,
    NothingIsTrimmed,
    TheSeamRepeats,
    TheSeamHasAGap,
    LiveReplays,
    ThePositionIsLate,
    NothingIsMissed,
    SignalsAreStored,
    SignalsAreLost,
    CaseIsLost,
    NamespacesLeak,
    PrefixesArePatterns,
    HistoryIsReversed,
    RemoveKeeps,
    EverythingIsRejected,
    LossGoesUnnoticed,
}

pub(super) struct Broken {
    broker: ReferenceBroker,
    flaw: Flaw,
    /// The first event of each key, in any channel.
    keys: Mutex<HashMap<Box<str>, EventId>>,
}

impl Broken {
    pub(super) fn new(broker: ReferenceBroker, flaw: Flaw) -> Self {
        Self { broker, flaw, keys: Mutex::default() }
    }

    fn fails<T>(&self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Err(error) if self.flaw == Flaw::EverythingIsRejected => {
                Err(Error::new(Kind::Rejected, error.to_string()))
            }
            outcome => outcome,
        }
    }

    fn named(&self, channel: &Channel) -> Channel {
        if self.flaw == Flaw::CaseIsLost {
            Channel::new(channel.as_str().to_lowercase()).expect("still a name")
        } else {
            channel.clone()
        }
    }
}

fn late(delivery: Delivery) -> Delivery {
    match delivery {
        Delivery::Position(id) => Delivery::Position(EventId { number: id.number + 1, ..id }),
        delivery => delivery,
    }
}

#[async_trait]
impl Broker for Broken {
    async fn publish(&self, mut message: Publish) -> Result<Published> {
        message.channel = self.named(&message.channel);
        let key = message.key.clone();
        match self.flaw {
            Flaw::KeysMeanNothing => message.key = message.key.filter(|key| key.len() > 256),
            Flaw::ChannelsNeverClose => message.kind = EventKind::Ordinary,
            Flaw::KeysKnowNoChannel => {
                let used = key.as_ref().and_then(|key| self.keys.lock().get(key).copied());
                if let Some(id) = used {
                    return Ok(Published::Repeated(id));
                }
            }
            _ => {}
        }
        let published = self.fails(self.broker.publish(message).await);
        if let (Ok(published), Some(key)) = (&published, key) {
            self.keys.lock().insert(key, published.id());
        }
        published
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        match self.flaw {
            Flaw::SignalsAreLost => Ok(()),
            Flaw::SignalsAreStored => {
                self.broker.publish(Publish::new(channel.clone(), payload)).await.map(drop)
            }
            _ => self.fails(self.broker.signal(channel, payload).await),
        }
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        let channel = self.named(channel);
        let from = match (self.flaw, from) {
            (Flaw::LiveReplays, Start::Live) => Start::Last(1),
            (Flaw::TheSeamRepeats, Start::After(id)) => {
                Start::After(EventId { number: id.number.saturating_sub(1), ..id })
            }
            (Flaw::TheSeamHasAGap, Start::After(id)) => Start::After(EventId { number: id.number + 1, ..id }),
            (_, from) => from,
        };
        let deliveries = self.broker.subscribe(&channel, from);
        match self.flaw {
            Flaw::NothingIsMissed => deliveries.filter(|d| ready(!matches!(d, Delivery::Missed(_)))).boxed(),
            Flaw::ThePositionIsLate => deliveries.map(late).boxed(),
            _ => deliveries,
        }
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        let pattern = prefix.ends_with('*') && self.flaw == Flaw::PrefixesArePatterns;
        let deliveries =
            self.broker.subscribe_prefix(if pattern { &prefix[..prefix.len() - 1] } else { prefix });
        match self.flaw {
            Flaw::NothingIsMissed => deliveries.filter(|d| ready(!matches!(d, Delivery::Missed(_)))).boxed(),
            _ => deliveries,
        }
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        let mut events = self.fails(self.broker.history(&self.named(channel), count).await)?;
        if self.flaw == Flaw::HistoryIsReversed {
            events.reverse();
        }
        Ok(events)
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        if self.flaw == Flaw::RemoveKeeps {
            return self.ping().await;
        }
        self.fails(self.broker.remove(&self.named(channel)).await)
    }

    async fn ping(&self) -> Result<()> {
        self.fails(self.broker.ping().await)
    }
}
