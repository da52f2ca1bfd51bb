//! A follower: one shard of a watch. It reports the shard's content, then changes, and proofs of
//! time at intervals.

use super::inbox::Messages;
use super::proof::{Proof, Seen};
use super::{Ended, message};
use crate::error::{classify, ends_connection, timeout};
use crate::verbs::Inner;
use crate::wire::connection::Connection;
use crate::wire::link::{Silence, backoff};
use crate::wire::script::Script;
use presence_core::store::{self, Error, FeedEvent, Kind};
use redis::{Cmd, RedisResult, Value};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout as within};

/// The interval between proofs of a shard's time. Touches are announced at the same interval.
const EVERY: Duration = Duration::from_millis(250);
/// How long a message may take to arrive after its number is known; after that it counts as lost.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The task that follows one shard.
pub struct Follower {
    pub inner: Arc<Inner>,
    pub shard: u16,
    connection: Connection,
    messages: Messages,
    out: mpsc::Sender<FeedEvent>,
    /// The number of the last message that was reported, or that is included in what was reported.
    number: u64,
    /// Whether anything was reported. After that, an error ends the feed, since a restart would
    /// report entries twice.
    has_reported: bool,
    /// The time without an answer on the connection, which all followers share.
    silence: Arc<Silence>,
    /// Whether the connection is broken.
    is_lost: bool,
    /// The part of the shard's epoch that its messages carry.
    shard_epoch: Box<str>,
    /// Whether the last call failed, so that an outage is logged once.
    has_complained: bool,
}

/// Why a step failed.
pub enum Stop {
    /// The call failed; it can be tried again.
    Failed(Error),
    /// The feed has to end.
    Ended(Ended),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Follower {
    pub fn new(
        inner: Arc<Inner>,
        shard: u16,
        connection: Connection,
        messages: Messages,
        out: mpsc::Sender<FeedEvent>,
        silence: Arc<Silence>,
    ) -> Self {
        let (number, has_reported, is_lost, has_complained) = (0, false, false, false);
        let shard_epoch = Box::default();
        Self {
            inner,
            shard,
            connection,
            messages,
            out,
            number,
            has_reported,
            silence,
            is_lost,
            shard_epoch,
            has_complained,
        }
    }

    /// Reports the content of the shard, then its changes. Returns why the feed has to end.
    pub async fn run(mut self) -> Ended {
        let mut failures = 0;
        let epoch = loop {
            match self.sync().await {
                Ok(epoch) => break epoch,
                Err(Stop::Ended(why)) => return why,
                // A second report of all entries would not remove those that were reported and have
                // been deleted since. A new feed starts from nothing.
                Err(Stop::Failed(_)) if self.has_reported => return "a shard could not be read to its end",
                Err(Stop::Failed(error)) => {
                    if let Err(why) = self.endure(&error) {
                        return why;
                    }
                    sleep(backoff(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        };
        self.follow(&epoch).await
    }

    /// Reports the whole content of the shard, and returns its epoch.
    async fn sync(&mut self) -> Result<Arc<str>, Stop> {
        let inner = Arc::clone(&self.inner);
        let channel = &inner.keys[usize::from(self.shard)].channel;
        let subscribed = within(inner.link.call_timeout(), self.connection.subscribe(channel)).await;
        self.answered(subscribed)?;
        // The first proof of time creates a shard that does not exist.
        let Seen { epoch, shard_epoch, number } = match self.inspect().await? {
            Some(seen) => seen,
            None => self.prove().await?.seen,
        };
        (self.shard_epoch, self.number) = (shard_epoch, number);
        self.scan().await?;
        self.send(FeedEvent::Synced { shard: self.shard, epoch: Arc::clone(&epoch) }).await;
        Ok(epoch)
    }

    /// Reports changes until the feed has to end. Proves the shard's time at intervals, and reports
    /// a proof when all messages up to its number were reported. A message that does not arrive in
    /// time counts as lost, and ends the feed.
    async fn follow(&mut self, epoch: &Arc<str>) -> Ended {
        let mut ask_at = Instant::now();
        let mut proof: Option<(Proof, Instant)> = None;
        loop {
            if let Some((Proof { at, blind, .. }, _)) =
                proof.take_if(|(proof, _)| proof.seen.number <= self.number)
            {
                self.send(FeedEvent::Alive { shard: self.shard, at, blind }).await;
            }
            let lost_at = proof.as_ref().map(|(_, lost_at)| *lost_at);
            tokio::select! {
                biased;
                message = self.messages.next() => {
                    if let Err(why) = self.receive(message).await { return why }
                    if let Some((_, lost_at)) = &mut proof { *lost_at = Instant::now() + PATIENCE }
                }
                () = until(lost_at) => return "messages got lost",
                () = sleep_until(ask_at), if proof.is_none() => {
                    match self.prove().await {
                        Ok(answer) if answer.seen.epoch != *epoch => return "the shard has a new epoch",
                        Ok(answer) if answer.seen.number < self.number => return "the shard lost its last messages",
                        Ok(answer) => proof = Some((answer, Instant::now() + PATIENCE)),
                        Err(error) => {
                            if let Err(why) = self.endure(&error) { return why }
                            self.send(FeedEvent::Unproven { shard: self.shard }).await;
                        }
                    }
                    ask_at = Instant::now() + EVERY;
                }
            }
        }
    }

    /// Reports messages up to this number.
    pub async fn catch_up(&mut self, number: u64) -> Result<(), Stop> {
        while self.number < number {
            let message = within(PATIENCE, self.messages.next()).await;
            let message = message.map_err(|_| Stop::Ended("messages got lost"))?;
            self.receive(message).await.map_err(Stop::Ended)?;
        }
        Ok(())
    }

    /// Reports a message, unless what was reported already includes it.
    async fn receive(&mut self, message: Option<Vec<u8>>) -> Result<(), Ended> {
        let Some(message) = message else { return Err("the connection broke, or messages came too fast") };
        // All databases of a server share its channels, and anybody may publish there. So messages
        // of other origin are ignored. The numbers show whether a message of this epoch is missing.
        let Some(number) = message::number(&message, &self.shard_epoch) else { return Ok(()) };
        if number <= self.number {
            return Ok(());
        }
        if number != self.number + 1 {
            return Err("a message is missing");
        }
        self.number = number;
        let read = message::read(&message).ok_or("a message is none of ours")?;
        self.report(read.unreadable);
        for event in read.events {
            self.send(event).await;
        }
        Ok(())
    }

    /// Calls a script on the watch's own connection.
    pub async fn call(&mut self, script: &Script, call: &Cmd) -> store::Result<Value> {
        let answer = within(self.inner.link.call_timeout(), script.call(&mut self.connection, call)).await;
        self.answered(answer)
    }

    /// Classifies the answer to a call, or its absence, and notes whether the connection is broken.
    fn answered<T, E>(&mut self, answer: Result<RedisResult<T>, E>) -> store::Result<T> {
        match answer {
            Ok(Ok(answer)) => {
                self.silence.ends();
                self.has_complained = false;
                Ok(answer)
            }
            Ok(Err(error)) => {
                // The client reconnects to the nodes of a cluster by itself, and the error may
                // concern one node only.
                let ends = ends_connection(&error);
                self.is_lost |= ends && (!self.inner.link.source.is_cluster() || self.silence.is_long());
                Err(classify(error))
            }
            Err(_elapsed) => {
                // Either the server hangs or the peer has vanished. After a long silence a new
                // connection is tried, which succeeds only if the peer is there.
                self.is_lost |= self.silence.is_long();
                Err(timeout())
            }
        }
    }

    /// Returns `Ok` if the call may be tried again after this error, and otherwise the reason why
    /// the feed ends.
    pub fn endure(&mut self, error: &Error) -> Result<(), Ended> {
        if !std::mem::replace(&mut self.has_complained, true) {
            let (shard, error) = (self.shard, error as &dyn std::error::Error);
            // Calls of the store fail for the same reason and are logged by the core.
            tracing::debug!(shard, error, "a shard cannot be read; it will be read again");
        }
        if error.kind() == Kind::Rejected {
            return Err("Redis refuses");
        }
        if self.is_lost || self.messages.is_closed() { Err("the connection is lost") } else { Ok(()) }
    }

    /// Reports an event. Waits while the channel to the reader is full; the inbox bounds the
    /// messages that arrive meanwhile. The task is aborted when the reader drops the feed.
    pub async fn send(&mut self, event: FeedEvent) {
        self.has_reported = true;
        let _ = self.out.send(event).await;
    }
}

/// Waits until this time; forever if there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
