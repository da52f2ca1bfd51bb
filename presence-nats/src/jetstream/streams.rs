//! The two streams of a store: created by the first process that finds them missing, and checked
//! before they are used.

mod age;

use crate::codec::encode;
use crate::error::{Failure, Outcome, again, rejected};
use crate::jetstream::api::{
    ConsumerConfig, ConsumerInfo, NewConsumer, NewStream, StreamConfig, StreamInfo, nanos,
};
use crate::jetstream::link::Link;
use crate::jetstream::reader::StreamEnd;
use crate::keys::Keys;
use crate::options::{Options, Storage};
use age::Age;
use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::Timestamp;
use presence_core::store::{Error, Result};
use serde_json::json;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The features of the server that holds the bucket, derived from the settings that it gave the
/// stream. The version of the connected server is not used, since on a leaf node it is that
/// of the leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// Whether the server is 2.11 or later: it answers many keys in one request, and expires marks
    /// of deletion.
    pub(crate) is_modern: bool,
    /// Whether servers other than the leader answer reads; those may lag.
    pub(crate) is_replicated: bool,
}

impl Traits {
    fn of(config: &StreamConfig) -> Self {
        Self { is_modern: config.allow_msg_ttl, is_replicated: config.num_replicas > 1 }
    }
}

#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Keys,
    pub(crate) options: Options,
    /// `None` until the streams were checked, and again after a stream was missing.
    traits: Mutex<Option<Traits>>,
    /// Locked by the task that checks and creates the streams. Holds the number of failed attempts
    /// and the last error. Callers that waited for the lock get the same error; otherwise a hundred
    /// callers would wait for a hundred timeouts in turn.
    making: tokio::sync::Mutex<(u64, Option<Error>)>,
    failures: AtomicU64,
    /// The creation time of the bucket when last read, which identifies its incarnation.
    incarnation: AtomicU64,
    /// The maximum ages of the bucket and of the stream of renewals.
    ages: (Age, Age),
}

impl Streams {
    pub(crate) fn new(link: Link, options: Options) -> Self {
        let keys = Keys::new(&options);
        Self {
            link: Arc::new(link),
            keys,
            options,
            traits: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            incarnation: AtomicU64::new(0),
            ages: Default::default(),
        }
    }

    /// Runs `work`, which needs the streams; runs it again if a stream was missing and
    /// could be created.
    pub(crate) async fn with<T, F>(&self, work: impl Fn(Traits) -> F) -> Result<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        again(|| *self.traits.lock() = None, || async { work(self.traits().await?).await }).await
    }

    /// Checks the streams, unless that was done before, and creates those that are missing.
    pub(crate) async fn traits(&self) -> Outcome<Traits> {
        if let Some(traits) = *self.traits.lock() {
            return Ok(traits);
        }
        self.link.connected().await?;
        let failures = self.failures.load(Ordering::Relaxed);
        let mut making = self.making.lock().await;
        if let Some(traits) = *self.traits.lock() {
            return Ok(traits);
        }
        if let (count, Some(error)) = &*making
            && *count > failures
        {
            return Err(Failure::Other(error.again()));
        }
        let (state, _) = match self.inspect().await {
            Ok(both) => both,
            Err(failure) => {
                let error = Error::from(failure);
                *making = (self.failures.fetch_add(1, Ordering::Relaxed) + 1, Some(error.again()));
                return Err(Failure::Other(error));
            }
        };
        let traits = Traits::of(&state.config);
        *self.traits.lock() = Some(traits);
        Ok(traits)
    }

    /// Reads the state of both streams; creates those that are missing.
    pub(crate) async fn inspect(&self) -> Outcome<(StreamInfo, StreamInfo)> {
        let state = self.info_or_create(&self.keys.state, || self.new_state()).await?;
        self.incarnation.store(state.incarnation(), Ordering::Relaxed);
        self.check_state(&state.config)?;
        if self.traits.lock().is_none() {
            self.link.created(&state).await;
        }
        let beats = self.info_or_create(&self.keys.beats, || self.new_beats()).await?;
        let expected = self.keys.renewals();
        if !beats.config.subjects.contains(&expected) || beats.config.no_ack {
            return Err(Failure::Other(rejected(format!(
                "stream {} is not ours: it has other subjects, or gives no acks",
                self.keys.beats
            ))));
        }
        Ok((state, beats))
    }

    pub(crate) async fn info(&self, stream: &str) -> Outcome<StreamInfo> {
        let info: StreamInfo = self.link.ask(&format!("STREAM.INFO.{stream}"), Bytes::new()).await?;
        let age = if stream == self.keys.state { &self.ages.0 } else { &self.ages.1 };
        age.see(info.config.max_age);
        if stream == self.keys.state {
            self.incarnation.store(info.incarnation(), Ordering::Relaxed);
            // An operator may have changed the number of replicas.
            if let Some(traits) = &mut *self.traits.lock() {
                *traits = Traits::of(&info.config);
            }
        }
        Ok(info)
    }

    /// How long the bucket keeps a record.
    pub(crate) fn max_age(&self) -> Duration {
        self.ages.0.or(self.options.max_age)
    }

    /// How long renewals are kept.
    pub(crate) fn beats_for(&self) -> Duration {
        self.ages.1.or(self.options.beats_for)
    }

    /// The incarnation of the bucket that was last read.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation.load(Ordering::Relaxed)
    }

    /// The subjects of a stream that match a filter, according to its leader.
    pub(crate) async fn subjects(&self, stream: &str, filter: &str) -> Outcome<Vec<String>> {
        let body = json!({ "subjects_filter": filter });
        let info: StreamInfo = self.link.ask(&format!("STREAM.INFO.{stream}"), encode(&body)).await?;
        Ok(info.state.subjects.unwrap_or_default().into_keys().collect())
    }

    /// The end of the bucket's stream.
    pub(crate) async fn end(&self, info: &StreamInfo) -> Outcome<StreamEnd> {
        StreamEnd::of(&self.link, info, &self.keys.state, &self.keys.all()).await
    }

    /// The clock of the server that leads a stream.
    pub(crate) async fn time(&self, info: &StreamInfo, stream: &str) -> Outcome<Timestamp> {
        if let Some(ts) = info.ts {
            return Ok(ts.0);
        }
        // Servers before 2.10 report their time only as the creation time of a consumer. The server
        // deletes this consumer within a second.
        let config = ConsumerConfig {
            deliver_policy: "new",
            ack_policy: "none",
            replay_policy: "instant",
            inactive_threshold: nanos(Duration::from_secs(1)),
            num_replicas: 1,
            mem_storage: true,
            ..ConsumerConfig::default()
        };
        let body = NewConsumer { stream_name: stream, config };
        let made: ConsumerInfo = self.link.ask(&format!("CONSUMER.CREATE.{stream}"), encode(&body)).await?;
        Ok(made.created.0)
    }

    async fn info_or_create<'a>(
        &'a self,
        stream: &str,
        new: impl Fn() -> NewStream<'a>,
    ) -> Outcome<StreamInfo> {
        match self.info(stream).await {
            Err(Failure::NoStream(_)) => {}
            answered => return answered,
        }
        match self.link.create(&new()).await? {
            Some(created) => Ok(created),
            None => self.info(stream).await,
        }
    }

    /// Checks whether the bucket can be used; logs a warning where it differs from the options.
    fn check_state(&self, config: &StreamConfig) -> Result<()> {
        let name = &self.keys.state;
        let refuse = |why: &str| Err(rejected(format!("stream {name} cannot be used: {why}")));
        if !config.subjects.contains(&self.keys.all()) {
            return refuse("it is not the bucket, or a mirror of one: use the domain of the bucket itself");
        }
        if config.max_msgs_per_subject != 1 {
            return refuse("its history must be 1");
        }
        if !config.allow_direct {
            return refuse("allow_direct must be set");
        }
        if config.sealed || config.no_ack {
            return refuse("it is sealed, or gives no acks");
        }
        let asked = self.new_state();
        let differs = config.storage != asked.storage
            || config.num_replicas != u64::from(asked.num_replicas)
            || config.max_age != asked.max_age;
        if differs {
            tracing::warn!(
                stream = name,
                ?config,
                "the bucket was created with other settings than the options ask for, and keeps them"
            );
        }
        Ok(())
    }

    fn new_state(&self) -> NewStream<'_> {
        let Options { storage, replicas, max_age, max_bytes, .. } = &self.options;
        let new = NewStream::new(&self.keys.state, self.keys.all(), "presence: sessions and processes");
        NewStream {
            max_msgs_per_subject: 1,
            max_age: nanos(*max_age),
            duplicate_window: nanos((*max_age).min(Duration::from_mins(2))),
            // A full bucket refuses new records, which the caller learns of. Dropping old ones
            // would go unnoticed.
            discard: "new",
            allow_direct: true,
            allow_rollup_hdrs: true,
            deny_delete: true,
            allow_msg_ttl: true,
            ..new.stored(*storage, *replicas, *max_bytes)
        }
    }

    fn new_beats(&self) -> NewStream<'_> {
        let beats_for = self.options.beats_for;
        let new = NewStream::new(&self.keys.beats, self.keys.renewals(), "presence: renewals");
        NewStream {
            max_age: nanos(beats_for),
            duplicate_window: nanos(beats_for.min(Duration::from_mins(2))),
            ..new.stored(Storage::Memory, self.options.replicas, None)
        }
    }
}
