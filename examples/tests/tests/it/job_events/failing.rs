//! A broker with faults that a test controls.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use presence_core::Broker;
use presence_core::broker::{Channel, Delivery, Event, Publish, Published, Start};
use presence_core::store::{Error, Kind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone)]
pub struct Failing {
    broker: Arc<dyn Broker>,
    fails: Arc<AtomicBool>,
    loses_answers: Arc<AtomicBool>,
}

impl Failing {
    pub fn on(broker: impl Broker) -> Self {
        Self { broker: Arc::new(broker), fails: Arc::default(), loses_answers: Arc::default() }
    }

    /// Nothing is taken, and nothing is answered.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// An event is stored, but the publisher gets an error.
    pub fn lose_answers(&self, loses: bool) {
        self.loses_answers.store(loses, Ordering::SeqCst);
    }

    fn works(&self) -> Result<()> {
        let down = || Error::new(Kind::Unavailable, "the test says so");
        if self.fails.load(Ordering::SeqCst) { Err(down()) } else { Ok(()) }
    }
}

#[async_trait]
impl Broker for Failing {
    async fn publish(&self, message: Publish) -> Result<Published> {
        self.works()?;
        let published = self.broker.publish(message).await?;
        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Timeout, "the test says so"));
        }
        Ok(published)
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        self.works()?;
        self.broker.signal(channel, payload).await
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        self.broker.subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        self.broker.subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        self.works()?;
        self.broker.history(channel, count).await
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        self.works()?;
        self.broker.remove(channel).await
    }

    async fn ping(&self) -> Result<()> {
        self.works()
    }
}
