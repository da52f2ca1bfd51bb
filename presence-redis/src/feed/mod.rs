//! A watch: a connection of its own, with one follower for each shard.
//!
//! The feed ends when it cannot continue without a gap: the connection broke, a message is missing,
//! a shard lost data, or the reader is too slow. A new feed that can reach no shard reports nothing
//! and retries, so that it is ready a quarter of a second after the server is back. A shard that
//! cannot be reached does not stop the others.

mod follow;
mod inbox;
pub(crate) mod message;
mod proof;
mod scan;

use crate::verbs::Inner;
use crate::wire::connection::{Connection, OnPush};
use crate::wire::link::{Silence, backoff};
use follow::Follower;
use futures_util::future::select_all;
use futures_util::stream::{self, BoxStream, StreamExt};
use inbox::Inbox;
use presence_core::store::{FeedEvent, Kind};
use redis::aio::SendError;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The capacity of the channel to the reader, in feed events; when it is full, messages wait
/// in the inbox.
const WAITING: usize = 64;

/// The reason for the end of a feed, for the log.
pub type Ended = &'static str;

/// Starts a watch; it ends when the stream is dropped.
pub fn watch(inner: Arc<Inner>) -> BoxStream<'static, FeedEvent> {
    let (out, events) = mpsc::channel(WAITING);
    let task = Task(tokio::spawn(async move {
        let ended = run(inner, out).await;
        tracing::debug!(why = ended, "a watch of Redis ended");
    }));
    // The stream owns the task, which is aborted when the stream is dropped.
    stream::unfold((events, task), |(mut events, task)| async move {
        Some((events.recv().await?, (events, task)))
    })
    .boxed()
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens the connection and runs a follower for each shard, until the first of them ends.
async fn run(inner: Arc<Inner>, out: mpsc::Sender<FeedEvent>) -> Ended {
    let (inbox, messages) = Inbox::new(&inner.keys);
    let connection = {
        let ends_at_loss = !inner.link.source.is_cluster();
        let on_push = move |push| {
            inbox.take(push, ends_at_loss);
            Ok::<_, SendError>(())
        };
        connect(&inner, Arc::new(on_push)).await
    };
    let silence = Arc::new(Silence::new(inner.link.call_timeout()));
    let followers = messages.into_iter().zip(0..).map(|(messages, shard)| {
        let connection = connection.clone();
        let (inner, out, silence) = (Arc::clone(&inner), out.clone(), Arc::clone(&silence));
        Box::pin(Follower::new(inner, shard, connection, messages, out, silence).run())
    });
    select_all(followers).await.0
}

/// Opens a connection; retries until it succeeds.
async fn connect(inner: &Inner, on_push: OnPush) -> Connection {
    let mut failures = 0;
    loop {
        match inner.link.open(Arc::clone(&on_push)).await {
            Ok(connection) => return connection,
            Err(error) => {
                // Calls of the store report a server that is only unavailable. An error that will
                // not go away by itself is logged for an operator.
                if failures == 0 && error.kind() == Kind::Rejected {
                    tracing::error!(error = &error as &dyn std::error::Error, "Redis cannot be watched");
                }
                tokio::time::sleep(backoff(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}
