//! The stream of all events: created by the process that first finds it missing, and read
//! from its leader.

use super::chain::{CHAIN, Chain};
use super::names::Names;
use super::options::BrokerOptions;
use super::stored::{MESSAGE_ID, NONCE, Stored, nonce};
use crate::codec::{base64, encode, header};
use crate::error::{Failure, Outcome, again, code, corrupt, rejected, timeout};
use crate::jetstream::api::{MessageGot, NewStream, StreamInfo, nanos};
use crate::jetstream::link::Link;
use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::broker::{Channel, KEYS_FOR};
use presence_core::store::Result;
use serde_json::json;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a new leader of a replicated stream may take to apply what its predecessor had stored.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(5);

/// The features of the server that holds the stream, derived from the settings that it
/// gave the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// Whether the server is 2.11 or later: it answers several messages at once, and messages have
    /// ages of their own.
    pub(super) modern: bool,
}

#[derive(Debug)]
pub(super) struct Events {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    pub(super) options: BrokerOptions,
    /// `None` until the stream was checked, and again after it was missing.
    traits: Mutex<Option<Traits>>,
    /// Locked by the caller that checks and creates the stream.
    making: tokio::sync::Mutex<()>,
    /// The time since when the leader has lacked events that are known to be stored.
    behind_since: Mutex<Option<Instant>>,
}

impl Events {
    pub(super) fn new(link: Link, options: BrokerOptions) -> Self {
        let names = Names::new(&options.namespace);
        Self {
            link: Arc::new(link),
            names,
            options,
            traits: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            behind_since: Mutex::default(),
        }
    }

    /// Runs `work`, which needs the stream; runs it again if the stream was missing and
    /// could be created.
    pub(super) async fn with<T, F>(&self, work: impl Fn(Traits) -> F) -> Result<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        again(|| *self.traits.lock() = None, || async { work(self.traits().await?).await }).await
    }

    async fn traits(&self) -> Outcome<Traits> {
        if let Some(traits) = *self.traits.lock() {
            return Ok(traits);
        }
        self.link.connected().await?;
        // The wait is bounded, since many callers may wait for one that gets no answer.
        let making = tokio::time::timeout(self.link.timeout(), self.making.lock()).await;
        let _making = making.map_err(|_| Failure::Other(timeout()))?;
        if let Some(traits) = *self.traits.lock() {
            return Ok(traits);
        }
        let info = self.inspect().await?;
        Ok(Traits { modern: info.config.allow_msg_ttl })
    }

    /// Reads the state of the stream; creates it if it is missing.
    pub(super) async fn inspect(&self) -> Outcome<StreamInfo> {
        let stream = &self.names.stream;
        let info = match self.info().await {
            Err(Failure::NoStream(_)) => {
                match self.link.create(&self.new_stream(self.longest())).await? {
                    // Where messages have no ages of their own, the age of the stream applies to
                    // events and keys.
                    Some(created) if !created.config.allow_msg_ttl && self.shorter_age().is_some() => {
                        let new = self.new_stream(self.options.retention.age);
                        self.link.ask(&format!("STREAM.UPDATE.{stream}"), encode(&new)).await?
                    }
                    Some(created) => created,
                    None => self.info().await?,
                }
            }
            answered => answered?,
        };
        let config = &info.config;
        if !config.subjects.contains(&self.names.events())
            || config.sealed
            || config.no_ack
            || !config.allow_direct
        {
            return Err(Failure::Other(rejected(format!(
                "stream {stream} cannot be used: it is sealed, gives no acks, has other subjects or no allow_direct"
            ))));
        }
        if self.traits.lock().is_none() {
            self.link.created(&info).await;
        }
        if self.traits.lock().replace(Traits { modern: config.allow_msg_ttl }).is_none() {
            let asked = self.new_stream(self.longest());
            let differs = config.max_msgs_per_subject != asked.max_msgs_per_subject
                || config.storage != asked.storage
                || config.num_replicas != u64::from(asked.num_replicas)
                || config.max_age != asked.max_age && config.allow_msg_ttl;
            if differs {
                tracing::warn!(
                    stream,
                    ?config,
                    "the stream of events was created with other settings than the options ask for, and keeps them"
                );
            }
        }
        Ok(info)
    }

    pub(super) async fn info(&self) -> Outcome<StreamInfo> {
        self.link.ask(&format!("STREAM.INFO.{}", self.names.stream), Bytes::new()).await
    }

    /// Whether the leader lacks events up to this sequence and may still apply them, since a leader
    /// that was just elected may not have applied its whole log. Events that it lacks for longer
    /// than `CATCHES_UP_WITHIN` are lost.
    pub(super) fn is_behind(&self, info: &StreamInfo, seq: u64) -> bool {
        let mut since = self.behind_since.lock();
        if info.config.num_replicas < 2 || info.state.last_seq >= seq {
            *since = None;
            return false;
        }
        since.get_or_insert_with(Instant::now).elapsed() < CATCHES_UP_WITHIN
    }

    /// Reads the newest event of a channel from the leader. A newer message of another publisher is
    /// not an event and is deleted, since the next event could not be linked to it.
    pub(super) async fn newest(&self, channel: &Channel) -> Outcome<Option<Stored>> {
        let body = json!({ "last_by_subj": self.names.events_of(channel) });
        loop {
            let found = self.get(body.clone()).await?;
            let Some(foreign) = found.as_ref().filter(|found| found.chain.is_none()) else {
                return Ok(found);
            };
            metrics::counter!("presence_nats_unreadable_total").increment(1);
            tracing::error!(
                sequence = foreign.seq,
                "a message in the stream of events is no event, and is deleted"
            );
            let what = format!("STREAM.MSG.DELETE.{}", self.names.stream);
            let body = encode(&json!({ "seq": foreign.seq, "no_erase": true }));
            match self.link.ask::<serde_json::Value>(&what, body).await {
                // Another process has deleted it.
                Err(failure) if failure.is(&code::NO_SUCH_SEQUENCE) => {}
                deleted => drop(deleted?),
            }
        }
    }

    /// Reads the messages of a channel from one sequence to another, in order: up to `count` of
    /// them and `bytes` of payload, at least one if there is any.
    ///
    /// Any server may answer most of them. Messages that it lacks, because it lags or does not
    /// support the request, are requested from the leader one by one.
    pub(super) async fn range(
        &self,
        traits: Traits,
        channel: &Channel,
        (from, to): (u64, u64),
        (count, bytes): (usize, usize),
    ) -> Outcome<Vec<Stored>> {
        let subject = self.names.events_of(channel);
        let (mut found, mut next, mut size) = (Vec::<Stored>::new(), from.max(1), 0);
        let mut early = Vec::new();
        if traits.modern && next <= to {
            let body = json!({ "seq": next, "next_by_subj": subject, "batch": count, "max_bytes": bytes });
            early = self.link.get_many(&self.names.stream, &body, Stored::direct).await?.0;
        }
        let mut early = early.into_iter();
        while next <= to && found.len() < count {
            let message = match early.next() {
                Some(message) => Some(message),
                None => self.get(json!({ "seq": next, "next_by_subj": subject })).await?,
            };
            let Some(message) = message else { break };
            size += message.payload.len();
            if message.seq > to || (size > bytes && !found.is_empty()) {
                break;
            }
            next = message.seq + 1;
            found.push(message);
        }
        Ok(found)
    }

    /// Drops the messages of a channel, or those before a sequence.
    pub(super) async fn purge(&self, channel: &Channel, before: Option<u64>) -> Outcome<()> {
        let mut body = json!({ "filter": self.names.events_of(channel) });
        if let Some(seq) = before {
            body["seq"] = seq.into();
        }
        let what = format!("STREAM.PURGE.{}", self.names.stream);
        self.link.ask::<serde_json::Value>(&what, encode(&body)).await.map(drop)
    }

    async fn get(&self, body: serde_json::Value) -> Outcome<Option<Stored>> {
        let what = format!("STREAM.MSG.GET.{}", self.names.stream);
        let body = encode(&body);
        let ask = || self.link.ask(&what, body.clone());
        // In a cluster, a server that has just become the leader may leave a request unanswered: it
        // is sent once more.
        let soon = tokio::time::timeout(self.link.timeout() / 4, ask()).await;
        let got = match soon {
            Ok(got) => got,
            Err(_late) => ask().await,
        };
        let got: MessageGot = match got {
            Err(failure) if failure.is(&[code::NO_MESSAGE]) => return Ok(None),
            got => got?,
        };
        let unreadable = || Failure::Other(corrupt("the server's answer cannot be read"));
        let payload = base64(&got.message.data).ok_or_else(unreadable)?.into();
        let block = base64(&got.message.hdrs).ok_or_else(unreadable)?;
        let block = String::from_utf8_lossy(&block);
        let chain = header(&block, CHAIN).and_then(Chain::parse);
        let message_id = header(&block, MESSAGE_ID).map(Box::from);
        let nonce = header(&block, NONCE).and_then(nonce);
        Ok(Some(Stored { seq: got.message.seq, at: got.message.time.0, chain, message_id, nonce, payload }))
    }

    /// How long an event is stored, if that is shorter than the age of the stream.
    pub(super) fn shorter_age(&self) -> Option<Duration> {
        Some(self.options.retention.age).filter(|age| *age < KEYS_FOR)
    }

    /// The age of the stream: keys are remembered as long as events are stored, and the server
    /// requires that window to lie within the age.
    fn longest(&self) -> Duration {
        self.options.retention.age.max(KEYS_FOR)
    }

    fn new_stream(&self, max_age: Duration) -> NewStream<'_> {
        let BrokerOptions { storage, replicas, retention, max_bytes, .. } = &self.options;
        let max_age = nanos(max_age);
        let new = NewStream::new(&self.names.stream, self.names.events(), "presence: events of channels");
        NewStream {
            max_msgs_per_subject: i64::try_from(retention.count).unwrap_or(i64::MAX),
            max_age,
            duplicate_window: max_age,
            allow_direct: true,
            allow_msg_ttl: true,
            ..new.stored(*storage, *replicas, *max_bytes)
        }
    }
}
