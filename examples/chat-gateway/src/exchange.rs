//! Transports typing and messages between instances and to other services.

use crate::broadcast::Broadcast;
use crate::redis::Redis;
use crate::room::Room;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use presence_axum::ws::{Typing, channel_of};
use presence_core::broker::{Channel, Delivery, Event, Publish, Published, Start};
use presence_core::store::{self, Kind};
use presence_core::{Broker, Topic};
use presence_memory::MemoryBroker;
use std::sync::Arc;

/// The transport of typing and messages. Cheap to clone.
///
/// Typing is sent as signals of the broker. In memory and on NATS, messages are events of the same
/// broker. On Redis, messages are published on the channel `message:broadcast`, like those of other
/// services. Every instance receives each message once and stores it in its own memory broker for
/// its rooms, so that slow clients lose none.
#[derive(Clone)]
pub struct Exchange {
    shared: Arc<dyn Broker>,
    redis: Option<OnRedis>,
}

#[derive(Clone)]
struct OnRedis {
    redis: Redis,
    /// Stores the messages received from Redis for a short time.
    received: MemoryBroker,
}

impl Exchange {
    /// Uses this broker for typing and messages.
    pub fn over(shared: Arc<dyn Broker>) -> Self {
        Self { shared, redis: None }
    }

    /// Uses `shared` for typing, and `received` for the messages received on `message:broadcast`.
    pub(crate) fn on_redis(shared: Arc<dyn Broker>, redis: Redis, received: MemoryBroker) -> Self {
        Self { shared, redis: Some(OnRedis { redis, received }) }
    }

    /// Delivers `data`, a JSON object, as a message to the subscribers of a room on all instances.
    ///
    /// # Errors
    /// When it could not be sent, or no instance received it.
    pub async fn send(&self, room: Room<'_>, data: &str) -> store::Result<()> {
        let room_id = serde_json::to_string(room.id).unwrap_or_default();
        let payload = format!(r#"{{"room_id":{room_id},"data":{data}}}"#);
        match &self.redis {
            Some(on) => on.redis.broadcast(&payload).await,
            None => match Broadcast::read(payload.as_bytes()) {
                Some(broadcast) => deliver(&*self.shared, &broadcast).await,
                None => Err(store::Error::new(Kind::Rejected, "no message")),
            },
        }
    }
}

/// Publishes a message in the channels of its room.
///
/// # Errors
/// Those of the broker.
pub(crate) async fn deliver(broker: &dyn Broker, broadcast: &Broadcast) -> store::Result<()> {
    for channel in broadcast.topics.iter().filter_map(channel_of) {
        broker.publish(Publish::new(channel, broadcast.payload.clone())).await?;
    }
    Ok(())
}

#[async_trait]
impl Broker for Exchange {
    async fn publish(&self, message: Publish) -> store::Result<Published> {
        self.shared.publish(message).await
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> store::Result<()> {
        if let Some(on) = &self.redis
            && let Some((topic, typing)) = typing(channel, &payload)
            && let Some(room) = Room::of(&topic)
        {
            let (told, ()) = tokio::join!(
                self.shared.signal(channel, payload),
                on.redis.note_typing(room, &typing.user, typing.value.is_some().then_some(&typing.name)),
            );
            return told;
        }
        self.shared.signal(channel, payload).await
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        let shared = self.shared.subscribe(channel, from);
        match &self.redis {
            Some(on) => stream::select(shared, on.received.subscribe(channel, Start::Live)).boxed(),
            None => shared,
        }
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        let shared = self.shared.subscribe_prefix(prefix);
        match &self.redis {
            Some(on) => stream::select(shared, on.received.subscribe_prefix(prefix)).boxed(),
            None => shared,
        }
    }

    async fn history(&self, channel: &Channel, count: usize) -> store::Result<Vec<Event>> {
        self.shared.history(channel, count).await
    }

    async fn remove(&self, channel: &Channel) -> store::Result<()> {
        self.shared.remove(channel).await
    }

    async fn ping(&self) -> store::Result<()> {
        self.shared.ping().await
    }
}

/// Decodes a signal: the topic and who is typing there.
fn typing(channel: &Channel, payload: &[u8]) -> Option<(Topic, Typing)> {
    let topic = Topic::new(channel.as_str().strip_prefix("topic:")?).ok()?;
    Some((topic, serde_json::from_slice(payload).ok()?))
}
