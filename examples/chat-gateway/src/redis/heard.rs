//! Hears what services publish on `message:broadcast`, and hands it to the rooms of this instance.

use super::link::{PATIENCE, pause};
use super::{BROADCAST, Redis};
use crate::broadcast::Broadcast;
use crate::exchange::deliver;
use futures_util::StreamExt;
use metrics::counter;
use presence_core::Presence;
use presence_memory::MemoryBroker;
use std::time::Duration;
use tokio::time::timeout;

/// How often a connection on which nothing is heard is asked whether it is there.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// Listens as long as the presence lives.
pub(crate) fn start(presence: &Presence, redis: &Redis, rooms: &MemoryBroker) {
    let (presence, redis, rooms) = (presence.clone(), redis.clone(), rooms.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = presence.ended() => {}
            () = listen_on(&redis, &rooms) => {}
        }
    });
}

async fn listen_on(redis: &Redis, rooms: &MemoryBroker) {
    let mut is_said = false;
    loop {
        if listen(redis, rooms, &mut is_said).await.is_none() && !is_said {
            tracing::warn!("REDIS_URL: messages are not heard, trying on");
            is_said = true;
        }
        pause().await;
    }
}

/// Listens until the connection ends; `None` if it did, or there was none.
async fn listen(redis: &Redis, rooms: &MemoryBroker, is_said: &mut bool) -> Option<()> {
    let connecting = async {
        let (mut sink, stream) = redis.link.client().get_async_pubsub().await.ok()?.split();
        sink.subscribe(BROADCAST).await.ok()?;
        Some((sink, stream))
    };
    let (mut sink, mut stream) = timeout(PATIENCE, connecting).await.ok()??;
    if std::mem::take(is_said) {
        tracing::info!("messages are heard again");
    }
    redis.back.notify_one();
    loop {
        match timeout(ASKED_EVERY, stream.next()).await {
            Ok(Some(message)) => take(message.get_payload_bytes(), rooms).await,
            Ok(None) => return None,
            Err(_) => {
                timeout(PATIENCE, sink.ping::<redis::Value>()).await.ok()?.ok()?;
            }
        }
    }
}

async fn take(payload: &[u8], rooms: &MemoryBroker) {
    let outcome = match Broadcast::read(payload) {
        // Memory takes whatever fits, and what does not fit is no broadcast.
        Some(broadcast) => deliver(rooms, &broadcast).await.map_or("lost", |()| "delivered"),
        None => "invalid",
    };
    if outcome != "delivered" {
        tracing::debug!(outcome, "a message of another service");
    }
    counter!("chat_messages_heard_total", "outcome" => outcome).increment(1);
}
