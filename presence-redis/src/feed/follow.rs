//! One shard of a watch: everything it holds, then what changes, and again and again what time it has proven.

use super::inbox::Messages;
use super::{Ended, message};
use crate::answer::{text, tuple};
use crate::connection::Connection;
use crate::error::{classify, timeout, unexpected};
use crate::link::{STRIKES, backoff};
use crate::script::PROVE;
use crate::store::Inner;
use presence_core::Timestamp;
use presence_core::store::{Error, Feed, Kind, Result};
use redis::{Cmd, Value};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a shard's time is proven. What is touched is announced at the same pace.
const EVERY: Duration = Duration::from_millis(250);
/// How long a message that has a number may be on its way; after that it is lost.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Follows one shard.
pub struct Follower {
    pub inner: Arc<Inner>,
    pub shard: u16,
    pub connection: Connection,
    pub messages: Messages,
    pub out: mpsc::Sender<Feed>,
    /// Calls in a row without an answer.
    pub silent: u32,
}

/// What a shard says of itself.
struct Proof {
    epoch: Arc<str>,
    /// The number of its last message.
    number: u64,
    /// Everything written until then has been announced, in messages up to that number.
    at: Timestamp,
}

impl Follower {
    pub async fn run(mut self) -> Ended {
        let (epoch, number) = match self.sync().await {
            Ok(synced) => synced,
            Err(ended) => return ended,
        };
        self.follow(&epoch, number).await
    }

    /// Tells everything, however long it takes until the shard can be read. Answers with its life, and with the number
    /// after which messages go on.
    async fn sync(&mut self) -> std::result::Result<(Arc<str>, u64), Ended> {
        let mut failures = 0;
        loop {
            match self.try_sync().await {
                Ok(synced) => return Ok(synced),
                Err(error) => {
                    if failures == 0 {
                        self.complain(&error);
                    }
                    self.check()?;
                    if error.kind() == Kind::Rejected {
                        return Err("Redis refuses");
                    }
                    sleep(backoff(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    async fn try_sync(&mut self) -> Result<(Arc<str>, u64)> {
        let inner = Arc::clone(&self.inner);
        let channel = &inner.keys[usize::from(self.shard)].channel;
        let subscribed =
            tokio::time::timeout(inner.link.call_timeout(), self.connection.subscribe(channel)).await;
        self.answered(subscribed.map_err(|_| timeout()).and_then(|told| told.map_err(classify)))?;
        // One shard after the other. The permit is there as long as the store is.
        let _turn = inner.scans.acquire().await;
        let Proof { epoch, number, at } = self.prove().await?;
        self.scan().await?;
        self.tell(Feed::Synced { shard: self.shard, epoch: Arc::clone(&epoch) }).await;
        // All that was written until the scan began was in it.
        self.tell(Feed::Alive { shard: self.shard, at }).await;
        Ok((epoch, number))
    }

    async fn follow(&mut self, epoch: &Arc<str>, mut number: u64) -> Ended {
        let mut ask_at = Instant::now() + EVERY;
        let mut proof: Option<(Proof, Instant)> = None;
        let mut was_told = true;
        loop {
            if let Some((Proof { number: until, at, .. }, _)) = &proof
                && *until <= number
            {
                let at = *at;
                proof = None;
                self.tell(Feed::Alive { shard: self.shard, at }).await;
            }
            let lost_at = proof.as_ref().map(|(_, lost_at)| *lost_at);
            tokio::select! {
                biased;
                message = self.messages.next() => {
                    let Some(message) = message else { return "the connection broke, or messages came too fast" };
                    match self.hear(&message, number).await {
                        Some(heard) => number = heard,
                        None => return "a message is missing",
                    }
                }
                () = until(lost_at) => return "messages got lost",
                () = sleep_until(ask_at), if proof.is_none() => {
                    match self.prove().await {
                        Ok(told) if told.epoch != *epoch => return "the shard began another life",
                        Ok(told) if told.number < number => return "the shard lost its last messages",
                        Ok(told) => {
                            was_told = true;
                            proof = Some((told, Instant::now() + PATIENCE));
                        }
                        Err(error) => {
                            if was_told {
                                self.complain(&error);
                                was_told = false;
                            }
                            if let Err(ended) = self.check() { return ended }
                            if error.kind() == Kind::Rejected { return "Redis refuses" }
                        }
                    }
                    ask_at = Instant::now() + EVERY;
                }
            }
        }
    }

    /// Tells a message. Answers with the number of the last one heard; `None` if one is missing in between.
    async fn hear(&self, message: &[u8], last: u64) -> Option<u64> {
        let number = message::number(message)?;
        if number <= last {
            // It was in what was read as a whole.
            return Some(last);
        }
        if number != last + 1 {
            return None;
        }
        match message::read(message) {
            Some(message) => {
                self.report(message.unreadable);
                for told in message.told {
                    self.tell(told).await;
                }
            }
            None => self.report(1),
        }
        Some(number)
    }

    async fn prove(&mut self) -> Result<Proof> {
        let call = self.inner.one(&PROVE, self.shard);
        let told =
            tokio::time::timeout(self.inner.link.call_timeout(), PROVE.call(&mut self.connection, &call))
                .await;
        let told = self.answered(told.map_err(|_| timeout()).and_then(|told| told.map_err(classify)))?;
        let [epoch, replid, number, at, policy] = tuple(told, "what a shard says of itself")?;
        let read = || {
            let epoch = format!("{}.{}", text(&epoch)?, text(&replid)?);
            let at = Timestamp::from_millis(text(&at)?.parse().ok()?);
            Some(Proof { epoch: epoch.into(), number: text(&number)?.parse().ok()?, at })
        };
        let proof = read().ok_or_else(|| unexpected("what a shard says of itself"))?;
        self.compare(text(&policy).unwrap_or_default());
        Ok(proof)
    }

    /// Warns once of processes that judge the same facts by other windows.
    fn compare(&self, theirs: &str) {
        let ours = self.inner.header.policy();
        if !ours.is_empty() && !theirs.is_empty() && theirs != ours && !self.inner.warned.swap(true, RELAXED)
        {
            tracing::warn!(ours, theirs, "another process of this namespace began it with another policy");
        }
    }

    pub async fn send(&mut self, command: &Cmd) -> Result<Value> {
        let told = tokio::time::timeout(self.inner.link.call_timeout(), self.connection.send(command)).await;
        self.answered(told.map_err(|_| timeout()).and_then(|told| told.map_err(classify)))
    }

    /// Counts the calls that were not answered.
    fn answered<T>(&mut self, told: Result<T>) -> Result<T> {
        match &told {
            Err(error) if error.kind() == Kind::Timeout => self.silent += 1,
            _ => self.silent = 0,
        }
        told
    }

    /// Whether the connection is still worth waiting for.
    fn check(&self) -> std::result::Result<(), Ended> {
        if self.messages.is_closed() {
            return Err("the connection broke");
        }
        // A server that hangs, or a peer that vanished: a new connection will tell.
        if self.silent >= STRIKES { Err("the server is silent") } else { Ok(()) }
    }

    fn complain(&self, error: &Error) {
        let (shard, error) = (self.shard, error as &dyn std::error::Error);
        tracing::warn!(shard, error, "a shard cannot be read; trying again");
    }

    /// Waits while the reader is busy; the inbox bounds what gathers meanwhile. Without a reader the task is ended.
    pub async fn tell(&self, told: Feed) {
        let _ = self.out.send(told).await;
    }
}

const RELAXED: std::sync::atomic::Ordering = std::sync::atomic::Ordering::Relaxed;

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
