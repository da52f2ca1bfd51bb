//! One shard of a watch: everything it holds, then what changes, and again and again what time it
//! has proven.

use super::inbox::Messages;
use super::{Ended, message};
use crate::error::{classify, ends_connection, timeout, unexpected};
use crate::verbs::Inner;
use crate::wire::connection::Connection;
use crate::wire::link::{Silence, backoff};
use crate::wire::reply::{text, tuple};
use crate::wire::script::{LOOK, PROVE, Script};
use presence_core::store::{self, Error, FeedEvent, Kind};
use presence_core::time::{Ask, Blind, BlindList};
use presence_core::{Clock, SystemClock, Timestamp};
use redis::{Cmd, RedisResult, Value};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout as within};

/// How often a shard's time is proven. What is touched is announced at the same pace.
const EVERY: Duration = Duration::from_millis(250);
/// How long the next message may be on its way once it has a number; after that it is lost.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Follows one shard.
pub struct Follower {
    pub inner: Arc<Inner>,
    pub shard: u16,
    connection: Connection,
    messages: Messages,
    out: mpsc::Sender<FeedEvent>,
    /// The number of the last message that was told, or is included in what was told.
    number: u64,
    /// Whether anything was told: from then on there is no going back.
    has_told: bool,
    /// That of the connection, to all of its followers.
    silence: Arc<Silence>,
    /// Whether the connection is of no use any more.
    is_lost: bool,
    /// Which life of the shard is followed, as its messages name it.
    life: Box<str>,
    /// Whether the last call failed: an outage is one line in the log.
    has_complained: bool,
}

/// Why a step could not be done.
pub enum Stop {
    /// The server did not do it.
    Failed(Error),
    /// The feed cannot go on.
    Ended(Ended),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a shard says of itself.
struct Seen {
    epoch: Arc<str>,
    /// What of the epoch its messages carry.
    life: Box<str>,
    /// The number of its last message.
    number: u64,
}

/// A write that proves a shard's time.
struct Proof {
    seen: Seen,
    /// Everything written until then has been announced, in messages up to the number.
    at: Timestamp,
    blind: Arc<[Blind]>,
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
        let (number, has_told, is_lost, has_complained) = (0, false, false, false);
        let life = Box::default();
        Self {
            inner,
            shard,
            connection,
            messages,
            out,
            number,
            has_told,
            silence,
            is_lost,
            life,
            has_complained,
        }
    }

    pub async fn run(mut self) -> Ended {
        let mut failures = 0;
        let epoch = loop {
            match self.sync().await {
                Ok(epoch) => break epoch,
                Err(Stop::Ended(why)) => return why,
                // What was told cannot be taken back by telling all again: a new feed can.
                Err(Stop::Failed(_)) if self.has_told => return "a shard could not be read to its end",
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

    /// Tells everything.
    async fn sync(&mut self) -> Result<Arc<str>, Stop> {
        let inner = Arc::clone(&self.inner);
        let channel = &inner.keys[usize::from(self.shard)].channel;
        let subscribed = within(inner.link.call_timeout(), self.connection.subscribe(channel)).await;
        self.answered(subscribed)?;
        // A shard that is not there is made by the first proof.
        let Seen { epoch, life, number } = match self.look().await? {
            Some(seen) => seen,
            None => self.prove().await?.seen,
        };
        (self.life, self.number) = (life, number);
        self.scan().await?;
        self.tell(FeedEvent::Synced { shard: self.shard, epoch: Arc::clone(&epoch) }).await;
        Ok(epoch)
    }

    async fn follow(&mut self, epoch: &Arc<str>) -> Ended {
        let mut ask_at = Instant::now();
        let mut proof: Option<(Proof, Instant)> = None;
        loop {
            if let Some((Proof { at, blind, .. }, _)) =
                proof.take_if(|(proof, _)| proof.seen.number <= self.number)
            {
                self.tell(FeedEvent::Alive { shard: self.shard, at, blind }).await;
            }
            let lost_at = proof.as_ref().map(|(_, lost_at)| *lost_at);
            tokio::select! {
                biased;
                message = self.messages.next() => {
                    if let Err(why) = self.hear(message).await { return why }
                    if let Some((_, lost_at)) = &mut proof { *lost_at = Instant::now() + PATIENCE }
                }
                () = until(lost_at) => return "messages got lost",
                () = sleep_until(ask_at), if proof.is_none() => {
                    match self.prove().await {
                        Ok(told) if told.seen.epoch != *epoch => return "the shard began another life",
                        Ok(told) if told.seen.number < self.number => return "the shard lost its last messages",
                        Ok(told) => proof = Some((told, Instant::now() + PATIENCE)),
                        Err(error) => {
                            if let Err(why) = self.endure(&error) { return why }
                            self.tell(FeedEvent::Unproven { shard: self.shard }).await;
                        }
                    }
                    ask_at = Instant::now() + EVERY;
                }
            }
        }
    }

    /// Tells messages up to this number.
    pub async fn catch_up(&mut self, number: u64) -> Result<(), Stop> {
        while self.number < number {
            let message = within(PATIENCE, self.messages.next()).await;
            let message = message.map_err(|_| Stop::Ended("messages got lost"))?;
            self.hear(message).await.map_err(Stop::Ended)?;
        }
        Ok(())
    }

    /// Tells a message, unless what was told includes it.
    async fn hear(&mut self, message: Option<Vec<u8>>) -> Result<(), Ended> {
        let Some(message) = message else { return Err("the connection broke, or messages came too fast") };
        // Channels are common to all databases of a server, and anybody can say anything there.
        // What is missing of this life is found out by its numbers.
        let Some(number) = message::number(&message, &self.life) else { return Ok(()) };
        if number <= self.number {
            return Ok(());
        }
        if number != self.number + 1 {
            return Err("a message is missing");
        }
        self.number = number;
        let read = message::read(&message).ok_or("a message is none of ours")?;
        self.report(read.unreadable);
        for told in read.told {
            self.tell(told).await;
        }
        Ok(())
    }

    async fn prove(&mut self) -> store::Result<Proof> {
        let ask = self.inner.reckoning.ask(self.shard, SystemClock.now());
        let mut call = self.inner.one(&PROVE, self.shard);
        let Ask { reckoned, proven, blind } = ask;
        call.arg(reckoned.unwrap_or_default().as_millis()).arg(proven.as_millis()).arg(in_words(&blind));
        let told = self.call(&PROVE, &call).await?;
        let [epoch, replid, number, at, policy, blind] = tuple(told, SAID)?;
        let seen = seen(&epoch, &replid, &number).ok_or_else(|| unexpected(SAID))?;
        let at = text(&at).and_then(|at| at.parse().ok()).map(Timestamp::from_millis);
        let at = at.ok_or_else(|| unexpected(SAID))?;
        let blind = text(&blind).and_then(stretches).ok_or_else(|| unexpected(SAID))?;
        self.inner.reckoning.answered(self.shard, at, &blind, SystemClock.now());
        self.compare(text(&policy).unwrap_or_default());
        Ok(Proof { seen, at, blind })
    }

    /// Reads what a shard says of itself; `None` if it is not there.
    async fn look(&mut self) -> store::Result<Option<Seen>> {
        let call = self.inner.one(&LOOK, self.shard);
        let told = self.call(&LOOK, &call).await?;
        let [epoch, replid, number, _policy] = tuple(told, SAID)?;
        if epoch == Value::Nil {
            return Ok(None);
        }
        seen(&epoch, &replid, &number).map(Some).ok_or_else(|| unexpected(SAID))
    }

    /// Warns once of processes that judge the same facts by other windows.
    fn compare(&self, theirs: &str) {
        let ours = self.inner.header.policy();
        let differs = !ours.is_empty() && !theirs.is_empty() && theirs != ours;
        if differs && !self.inner.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(ours, theirs, "another process of this namespace began it with another policy");
        }
    }

    /// Calls a script on the watch's own connection.
    pub async fn call(&mut self, script: &Script, call: &Cmd) -> store::Result<Value> {
        let told = within(self.inner.link.call_timeout(), script.call(&mut self.connection, call)).await;
        self.answered(told)
    }

    /// Notes what the answer to a call, or its absence, says of the connection.
    fn answered<T, E>(&mut self, told: Result<RedisResult<T>, E>) -> store::Result<T> {
        match told {
            Ok(Ok(told)) => {
                self.silence.ends();
                self.has_complained = false;
                Ok(told)
            }
            Ok(Err(error)) => {
                // A cluster's connection mends itself, and one node is not the whole of it.
                let ends = ends_connection(&error);
                self.is_lost |= ends && (!self.inner.link.source.is_cluster() || self.silence.is_long());
                Err(classify(error))
            }
            Err(_elapsed) => {
                // A server that hangs, or a peer that vanished: a new connection will tell.
                self.is_lost |= self.silence.is_long();
                Err(timeout())
            }
        }
    }

    /// Whether it is worth trying again here, after this.
    pub fn endure(&mut self, error: &Error) -> Result<(), Ended> {
        if !std::mem::replace(&mut self.has_complained, true) {
            let (shard, error) = (self.shard, error as &dyn std::error::Error);
            // Calls fail as well, and whoever makes them says so once.
            tracing::debug!(shard, error, "a shard cannot be read; trying again");
        }
        if error.kind() == Kind::Rejected {
            return Err("Redis refuses");
        }
        if self.is_lost || self.messages.is_closed() { Err("the connection is lost") } else { Ok(()) }
    }

    /// Waits while the reader is busy; the inbox bounds what gathers meanwhile. Without a reader
    /// the task is ended.
    pub async fn tell(&mut self, told: FeedEvent) {
        self.has_told = true;
        let _ = self.out.send(told).await;
    }
}

const SAID: &str = "what a shard says of itself";

fn seen(epoch: &Value, replid: &Value, number: &Value) -> Option<Seen> {
    let life = text(epoch)?;
    let epoch = format!("{life}.{}", text(replid)?).into();
    Some(Seen { epoch, life: life.into(), number: text(number)?.parse().ok()? })
}

/// Blind stretches as the script reads them.
fn in_words(blind: &BlindList) -> String {
    let words = blind.as_slice().iter().map(|Blind { from, to }| {
        let (from, to) = (from.as_millis(), to.as_millis());
        format!("{from} {to}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Blind stretches as the script writes them.
fn stretches(text: &str) -> Option<Arc<[Blind]>> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse().map(Timestamp::from_millis));
    let mut all = Vec::new();
    while let Some(from) = words.next() {
        all.push(Blind { from: from.ok()?, to: words.next()?.ok()? });
    }
    Some(all.into())
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
