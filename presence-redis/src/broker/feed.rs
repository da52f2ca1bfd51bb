//! The connection on which a process receives all announcements, and the task that keeps it open.

use super::calls::{Announced, announced};
use super::foreign::Intake;
use super::{Shared, foreign};
use crate::error::classify;
use crate::wire::connection::Connection;
use crate::wire::link::backoff;
use futures_util::future::join_all;
use parking_lot::Mutex;
use presence_core::broker::Delivery;
use presence_core::broker::hub::{Hub, Interest, WeakHub};
use presence_core::store::{Error, Kind, Result};
use redis::aio::SendError;
use redis::{PushInfo, PushKind, Value};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

/// The maximum number of channels in one subscribe command.
const AT_ONCE: usize = 128;
/// The interval between pings on the connection.
const PING_EVERY: Duration = Duration::from_secs(1);
/// After this many failed pings in a row, the connection is replaced.
const PATIENCE: u32 = 3;

/// A request to the task that keeps the connection; requests are served in order.
pub enum Ask {
    /// Subscribes. The sender gets the result when the server has confirmed the subscription.
    Open(Interest, oneshot::Sender<Result<()>>),
    /// Unsubscribes.
    Close(Interest),
}

/// Receives push messages; called by the task that reads the connection.
pub struct PushHandler {
    hub: WeakHub,
    shared: Weak<Shared>,
    intake: Option<Intake>,
    /// The prefix of each subscribed pattern.
    prefixes: Mutex<HashMap<String, Arc<str>>>,
}

impl PushHandler {
    /// Handles a push message of the connection. `lost` is notified when that connection breaks.
    fn handle(&self, push: PushInfo, lost: &Notify) {
        let (Some(hub), Some(shared)) = (self.hub.upgrade(), self.shared.upgrade()) else { return };
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                if let Ok([Value::BulkString(name), Value::BulkString(message)]) =
                    <[Value; 2]>::try_from(push.data)
                {
                    handle(&hub, &shared, &name, message, None);
                }
            }
            PushKind::PMessage => {
                if let Ok([Value::BulkString(pattern), Value::BulkString(name), Value::BulkString(message)]) =
                    <[Value; 3]>::try_from(push.data)
                {
                    self.handle_pattern(&hub, &shared, &pattern, &name, message);
                }
            }
            PushKind::Disconnection => lost.notify_one(),
            // The subscriptions of a slot end when it moves to another node. A requested close ends
            // them as well, but then no subscriber is left.
            PushKind::SUnsubscribe => {
                if let Some(Value::BulkString(name)) = push.data.first()
                    && let Some(channel) = shared.calls.names.channel(name)
                {
                    hub.recheck(&channel);
                }
            }
            _ => {}
        }
    }

    /// Handles a message of a pattern, which is that of a subscribed prefix or of
    /// a foreign channel.
    fn handle_pattern(&self, hub: &Hub, shared: &Shared, pattern: &[u8], name: &[u8], message: Vec<u8>) {
        let Ok(pattern) = std::str::from_utf8(pattern) else { return };
        let prefix = self.prefixes.lock().get(pattern).cloned();
        if let Some(prefix) = prefix {
            handle(hub, shared, name, message, Some(&prefix));
        } else if let Some(intake) = &self.intake {
            let matching = shared.foreign.iter().find(|(of, _)| of == pattern);
            if let Some((_, foreign)) = matching {
                intake.take(foreign, name, &message);
            }
        }
    }
}

/// Passes an announcement to the hub. `prefix` is set if it was received by a pattern.
fn handle(hub: &Hub, shared: &Shared, name: &[u8], message: Vec<u8>, prefix: Option<&str>) {
    let Some(channel) = shared.calls.names.channel(name) else { return };
    match (announced(&channel, message), prefix) {
        (Some(Announced::Event(event, previous)), None) => drop(hub.stored(event, Some(previous))),
        (Some(Announced::Event(event, _)), Some(prefix)) => {
            drop(hub.prefixed(prefix, Delivery::Event(event)));
        }
        (Some(Announced::Signal(payload)), None) => drop(hub.signal(&channel, payload.into())),
        (Some(Announced::Signal(payload)), Some(prefix)) => {
            drop(hub.prefixed(prefix, Delivery::Signal { channel, payload: payload.into() }));
        }
        (Some(Announced::Turn), None) => hub.recheck(&channel),
        (Some(Announced::Turn), Some(_)) | (None, _) => {}
    }
}

/// Keeps a connection open until the broker is dropped.
pub async fn run(shared: Weak<Shared>, hub: WeakHub, mut asks: mpsc::UnboundedReceiver<Ask>) {
    let Some(strong) = shared.upgrade() else { return };
    let mut storing = None;
    let intake = (!strong.foreign.is_empty()).then(|| {
        let (intake, queue, bytes) = Intake::new();
        storing = Some(Task(tokio::spawn(foreign::store(Arc::clone(&strong), queue, bytes))));
        intake
    });
    let handler = Arc::new(PushHandler {
        hub: hub.clone(),
        shared: shared.clone(),
        intake,
        prefixes: Mutex::default(),
    });
    drop(strong);
    let mut failures = 0;
    let mut complained = false;
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let opened = connect(&strong, &handler).await;
        drop(strong);
        match opened {
            Ok((connection, lost)) => {
                (failures, complained) = (0, false);
                if let Some(hub) = hub.upgrade() {
                    hub.interrupted();
                }
                if keep(&shared, &handler, (connection, &lost), &mut asks).await.is_none() {
                    return;
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut complained, true) && error.kind() == Kind::Rejected {
                    tracing::error!(error = &error as &dyn std::error::Error, "Redis cannot be listened to");
                }
                // Dropped requests fail at once, and the hub repeats them. A close has no effect
                // without a connection.
                while asks.try_recv().is_ok() {}
                tokio::time::sleep(backoff(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens a connection and subscribes to the channels of foreign services. Returns it with the
/// notification of its loss.
async fn connect(shared: &Shared, handler: &Arc<PushHandler>) -> Result<(Connection, Arc<Notify>)> {
    let lost = Arc::new(Notify::new());
    let (handling, breaking) = (Arc::clone(handler), Arc::clone(&lost));
    let on_push = move |push| {
        handling.handle(push, &breaking);
        Ok::<_, SendError>(())
    };
    let mut connection = shared.link.open(Arc::new(on_push)).await?;
    for (pattern, _) in &shared.foreign {
        within(shared, connection.psubscribe(&[pattern.as_str()])).await?;
    }
    Ok((connection, lost))
}

/// Waits for the reply to a request, with the timeout of a call.
async fn within(shared: &Shared, asking: impl Future<Output = redis::RedisResult<()>>) -> Result<()> {
    match timeout(shared.link.call_timeout(), asking).await {
        Ok(reply) => reply.map_err(classify),
        Err(_elapsed) => Err(crate::error::timeout()),
    }
}

/// Serves requests until the connection is lost; returns `None` once the broker is dropped.
async fn keep(
    shared: &Weak<Shared>,
    handler: &Arc<PushHandler>,
    (mut connection, lost): (Connection, &Notify),
    asks: &mut mpsc::UnboundedReceiver<Ask>,
) -> Option<()> {
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut silent, mut batch) = (0, Vec::new());
    loop {
        tokio::select! {
            count = asks.recv_many(&mut batch, AT_ONCE) => {
                let strong = shared.upgrade().filter(|_| count > 0)?;
                serve(&strong, handler, &mut connection, &mut batch).await;
            }
            () = lost.notified() => {
                let strong = shared.upgrade()?;
                if !strong.link.source.is_cluster() {
                    return Some(());
                }
                // The client finds the other node by itself. The hub reads events that were missed
                // from the history.
                handler.hub.upgrade()?.interrupted();
            }
            _ = ping.tick() => {
                let strong = shared.upgrade()?;
                let answer = timeout(strong.link.call_timeout(), connection.send(&redis::cmd("PING"))).await;
                let is_cluster = strong.link.source.is_cluster();
                match answer {
                    Ok(Ok(_)) => silent = 0,
                    Ok(Err(error)) if !is_cluster && crate::error::ends_connection(&error) => return Some(()),
                    _ => silent += 1,
                }
                if silent >= PATIENCE {
                    return Some(());
                }
            }
        }
    }
}

/// Sends the requests to the server in order; consecutive requests of one kind share a command.
async fn serve(shared: &Shared, handler: &PushHandler, connection: &mut Connection, batch: &mut Vec<Ask>) {
    let mut asks = batch.drain(..).peekable();
    while let Some(ask) = asks.next() {
        match ask {
            Ask::Open(Interest::Prefix(prefix), reply) => {
                let pattern = shared.calls.names.pattern(&prefix);
                handler.prefixes.lock().insert(pattern.clone(), prefix);
                let outcome = within(shared, connection.psubscribe(&[pattern.as_str()])).await;
                let _ = reply.send(outcome);
            }
            Ask::Close(Interest::Prefix(prefix)) => {
                let pattern = shared.calls.names.pattern(&prefix);
                handler.prefixes.lock().remove(&pattern);
                let _ = within(shared, connection.punsubscribe(&pattern)).await;
            }
            Ask::Open(Interest::Channel(channel), reply) => {
                let mut names = vec![shared.calls.names.pubsub(&channel)];
                let mut waiting = vec![reply];
                while let Some(Ask::Open(Interest::Channel(_), _)) = asks.peek()
                    && let Some(Ask::Open(Interest::Channel(channel), reply)) = asks.next()
                {
                    names.push(shared.calls.names.pubsub(&channel));
                    waiting.push(reply);
                }
                for (reply, outcome) in waiting.into_iter().zip(subscribe(shared, connection, &names).await) {
                    let _ = reply.send(outcome);
                }
            }
            Ask::Close(Interest::Channel(channel)) => {
                let mut names = vec![shared.calls.names.pubsub(&channel)];
                while let Some(Ask::Close(Interest::Channel(_))) = asks.peek()
                    && let Some(Ask::Close(Interest::Channel(channel))) = asks.next()
                {
                    names.push(shared.calls.names.pubsub(&channel));
                }
                let _ = timeout(shared.link.call_timeout(), connection.unsubscribe(&names)).await;
            }
        }
    }
}

/// Subscribes to pub/sub channels; returns the result for each of them.
async fn subscribe(shared: &Shared, connection: &Connection, names: &[String]) -> Vec<Result<()>> {
    if shared.link.source.is_cluster() {
        // Each channel may be on another node.
        return join_all(names.iter().map(|name| {
            let mut connection = connection.clone();
            async move { within(shared, connection.subscribe(name)).await }
        }))
        .await;
    }
    let outcome = within(shared, connection.clone().subscribe_all(names)).await;
    let again = |_| outcome.as_ref().copied().map_err(Error::again);
    names.iter().map(again).collect()
}
