//! Receives the messages on `message:broadcast`, and passes them to the rooms of this instance.

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

/// The interval of pings on an idle connection.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// Listens until the presence shuts down.
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
    let mut is_logged = false;
    loop {
        if listen(redis, rooms, &mut is_logged).await.is_none() && !is_logged {
            tracing::warn!("cannot receive messages from REDIS_URL; retrying");
            is_logged = true;
        }
        pause().await;
    }
}

/// Listens until the connection ends. `None` if there was no connection.
async fn listen(redis: &Redis, rooms: &MemoryBroker, is_logged: &mut bool) -> Option<()> {
    let connecting = async {
        let (mut sink, stream) = redis.link.client().get_async_pubsub().await.ok()?.split();
        sink.subscribe(BROADCAST).await.ok()?;
        Some((sink, stream))
    };
    let (mut sink, mut stream) = timeout(PATIENCE, connecting).await.ok()??;
    if std::mem::take(is_logged) {
        tracing::info!("receiving messages again");
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
        // The memory broker accepts any message that is not too large, and a larger one is not a
        // valid broadcast.
        Some(broadcast) => deliver(rooms, &broadcast).await.map_or("lost", |()| "delivered"),
        None => "invalid",
    };
    if outcome != "delivered" {
        tracing::debug!(outcome, "a message of another service");
    }
    counter!("chat_messages_received_total", "outcome" => outcome).increment(1);
}
