//! A message broker in the memory of this process.

mod histories;
mod history;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use histories::Histories;
use parking_lot::Mutex;
use presence_core::broker::hub::{Backend, Hub, Interest, Page, ReadFrom};
use presence_core::broker::{
    Broker, Channel, Delivery, Event, EventId, Publish, Published, Retention, Start, check_payload,
};
use presence_core::store::Result;
use presence_core::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;

/// Default budget of all histories together, in bytes.
pub const HISTORY_BYTES: usize = 256 * 1024 * 1024;

/// A [`Broker`] that keeps its histories in the memory of this process.
///
/// Clones share all state. A history is limited by its [`Retention`], and expires when its newest
/// event has reached the maximum age; one task removes expired histories. All histories together
/// are limited by a budget: when it is exceeded, the channel whose newest event is the oldest loses
/// its history.
///
/// ```
/// use futures_util::StreamExt;
/// use presence_core::broker::{Broker, Channel, Delivery, Publish, Start};
/// use presence_memory::MemoryBroker;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let broker = MemoryBroker::new();
/// let channel = Channel::new("job:7")?;
/// broker.publish(Publish::new(channel.clone(), "50%")).await?;
/// let mut updates = broker.subscribe(&channel, Start::Last(1));
/// let Some(Delivery::Event(newest)) = updates.next().await else { panic!("something is stored") };
/// assert_eq!(newest.payload, "50%");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
    hub: Hub,
}

struct Shared {
    clock: Arc<dyn Clock>,
    histories: Mutex<Histories>,
}

impl MemoryBroker {
    /// A broker with the default retention and budget.
    ///
    /// ```
    /// use presence_memory::MemoryBroker;
    /// let broker = MemoryBroker::new();
    /// assert_eq!(broker.stored(), (0, 0));
    /// ```
    #[expect(clippy::new_without_default, reason = "two of them are two brokers: that should be visible")]
    pub fn new() -> Self {
        Self::with(Retention::default(), HISTORY_BYTES, SystemClock)
    }

    /// A broker with these limits, on this clock.
    ///
    /// `budget` is in bytes, for payloads, keys and their overhead.
    ///
    /// ```
    /// use presence_core::SystemClock;
    /// use presence_core::broker::Retention;
    /// use presence_memory::{HISTORY_BYTES, MemoryBroker};
    /// let broker = MemoryBroker::with(Retention::default().count(100), HISTORY_BYTES, SystemClock);
    /// # drop(broker);
    /// ```
    pub fn with(retention: Retention, budget: usize, clock: impl Clock) -> Self {
        let histories = Mutex::new(Histories::new(retention, budget));
        let shared = Arc::new(Shared { clock: Arc::new(clock), histories });
        let hub = Hub::new(Arc::clone(&shared) as Arc<dyn Backend>);
        Self { shared, hub }
    }

    /// Number of channels with a history, and the bytes of all histories.
    pub fn stored(&self) -> (usize, usize) {
        let histories = self.shared.histories.lock();
        (histories.len(), histories.bytes())
    }

    /// Starts the sweeper, which ends when nothing is stored.
    fn sweep(&self) {
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            loop {
                let Some((clock, at)) = shared.upgrade().and_then(|shared| {
                    let at = shared.histories.lock().sweep(shared.clock.now())?;
                    Some((Arc::clone(&shared.clock), at))
                }) else {
                    return;
                };
                clock.sleep_until(at).await;
            }
        });
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn publish(&self, message: Publish) -> Result<Published> {
        message.check()?;
        let mut histories = self.shared.histories.lock();
        let (published, event) = histories.publish(message, self.shared.clock.now());
        // The hub is called under the lock, so that events stay in order; subscribers are woken
        // after it is released.
        let wakes = event.map(|event| {
            let by_prefix = self.hub.by_prefix(&event.channel, &Delivery::Event(event.clone()));
            (self.hub.stored(event, None), by_prefix)
        });
        let sweep = histories.needs_sweeper();
        drop(histories);
        drop(wakes);
        if sweep {
            self.sweep();
        }
        Ok(published)
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        check_payload(&payload)?;
        self.hub.signal(channel, payload.clone());
        self.hub.by_prefix(channel, &Delivery::Signal { channel: channel.clone(), payload });
        Ok(())
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        self.hub.subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        self.hub.subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        let now = self.shared.clock.now();
        Ok(self.shared.histories.lock().newest(channel, count, now))
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        self.shared.histories.lock().remove(channel);
        Ok(())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Backend for Shared {
    async fn open(&self, _interest: &Interest) -> Result<()> {
        Ok(())
    }

    fn close(&self, _interest: &Interest) {}

    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page> {
        let now = self.clock.now();
        Ok(self.histories.lock().read(channel, from, now))
    }

    fn open_at_once(&self, interest: &Interest, opened: &mut dyn FnMut(Option<EventId>)) -> bool {
        let now = self.clock.now();
        let mut histories = self.histories.lock();
        let head = match interest {
            Interest::Channel(channel) => histories.read(channel, ReadFrom::Last(0), now).position,
            Interest::Prefix(_) => None,
        };
        opened(head);
        true
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (channels, bytes) = self.stored();
        f.debug_struct("MemoryBroker")
            .field("channels", &channels)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
