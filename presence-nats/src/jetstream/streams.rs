//! The two streams: made by whoever first finds them missing, and looked at before they are used.

mod age;

use crate::codec::encode;
use crate::error::{Failure, Outcome, again, code, rejected};
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

/// What the server that keeps the bucket can do, by what it made of the stream. Its version says
/// nothing: a process on a leaf node sees the version of the leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// From 2.11 on: many keys in one request, and marks of deletion that go by themselves.
    pub(crate) is_modern: bool,
    /// Whether other servers than the leader answer reads, perhaps of a moment ago.
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
    /// `None` until looked at, and again when a stream was missing.
    traits: Mutex<Option<Traits>>,
    /// Held by who looks and makes. Says how often that failed, and why it did last: whoever waited
    /// meanwhile is answered the same, or a hundred callers would wait for a hundred timeouts in
    /// turn.
    making: tokio::sync::Mutex<(u64, Option<Error>)>,
    failures: AtomicU64,
    /// When the bucket was made, as last seen: which life of it this is.
    life: AtomicU64,
    /// How long the bucket keeps a record, and how long renewals are kept.
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
            life: AtomicU64::new(0),
            ages: Default::default(),
        }
    }

    /// Does something that needs the streams; again if they were missing and could be made.
    pub(crate) async fn with<T, F>(&self, work: impl Fn(Traits) -> F) -> Result<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        again(|| *self.traits.lock() = None, || async { work(self.traits().await?).await }).await
    }

    /// Looks at the streams, unless that was done, and makes those that are missing.
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
        let (state, _) = match self.look().await {
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

    /// Both streams as they are now; made, if they are missing.
    pub(crate) async fn look(&self) -> Outcome<(StreamInfo, StreamInfo)> {
        let state = self.look_or_make(&self.keys.state, || self.new_state()).await?;
        self.life.store(state.life(), Ordering::Relaxed);
        self.check_state(&state.config)?;
        let beats = self.look_or_make(&self.keys.beats, || self.new_beats()).await?;
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
            self.life.store(info.life(), Ordering::Relaxed);
            // An operator may have made it a cluster's meanwhile.
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

    /// Which life of the bucket was last seen.
    pub(crate) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// The subjects of a stream that match a filter, by its leader.
    pub(crate) async fn subjects(&self, stream: &str, filter: &str) -> Outcome<Vec<String>> {
        let body = json!({ "subjects_filter": filter });
        let info: StreamInfo = self.link.ask(&format!("STREAM.INFO.{stream}"), encode(&body)).await?;
        Ok(info.state.subjects.unwrap_or_default().into_keys().collect())
    }

    /// Where the bucket's stream ends.
    pub(crate) async fn end(&self, info: &StreamInfo) -> Outcome<StreamEnd> {
        StreamEnd::of(&self.link, info, &self.keys.state, &self.keys.all()).await
    }

    /// The time of the server that leads a stream.
    pub(crate) async fn time(&self, info: &StreamInfo, stream: &str) -> Outcome<Timestamp> {
        if let Some(ts) = info.ts {
            return Ok(ts.0);
        }
        // Servers before 2.10 tell their time nowhere but here. It goes by itself within a second.
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

    async fn look_or_make<'a>(
        &'a self,
        stream: &str,
        new: impl Fn() -> NewStream<'a>,
    ) -> Outcome<StreamInfo> {
        match self.info(stream).await {
            Err(Failure::NoStream(_)) => {}
            answered => return answered,
        }
        tracing::info!(stream, "making a stream");
        match self.link.ask(&format!("STREAM.CREATE.{stream}"), encode(&new())).await {
            // Somebody else was faster, with other options.
            Err(failure) if failure.is(&[code::STREAM_NAME_IN_USE]) => self.info(stream).await,
            made => made,
        }
    }

    /// Whether the bucket can be used; warns where it is not what the options ask for.
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
            tracing::warn!(stream = name, ?config, "the bucket was made otherwise, and stays as it is");
        }
        Ok(())
    }

    fn new_state(&self) -> NewStream<'_> {
        let Options { storage, replicas, max_age, max_bytes, .. } = &self.options;
        NewStream {
            name: &self.keys.state,
            subjects: [self.keys.all()],
            description: "presence: sessions and processes",
            retention: "limits",
            storage: match storage {
                Storage::File => "file",
                Storage::Memory => "memory",
            },
            num_replicas: *replicas,
            max_consumers: -1,
            max_msgs: -1,
            max_msg_size: -1,
            max_msgs_per_subject: 1,
            max_bytes: max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            max_age: nanos(*max_age),
            duplicate_window: nanos((*max_age).min(Duration::from_mins(2))),
            // What a full bucket refuses is said to somebody; what it dropped would just be gone.
            discard: "new",
            allow_direct: true,
            allow_rollup_hdrs: true,
            deny_delete: true,
            allow_msg_ttl: true,
        }
    }

    fn new_beats(&self) -> NewStream<'_> {
        let beats_for = self.options.beats_for;
        NewStream {
            name: &self.keys.beats,
            subjects: [self.keys.renewals()],
            description: "presence: renewals",
            storage: "memory",
            max_msgs_per_subject: -1,
            max_bytes: -1,
            max_age: nanos(beats_for),
            duplicate_window: nanos(beats_for.min(Duration::from_mins(2))),
            discard: "old",
            allow_direct: false,
            allow_rollup_hdrs: false,
            deny_delete: false,
            allow_msg_ttl: false,
            ..self.new_state()
        }
    }
}
