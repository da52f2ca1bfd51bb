//! Renewals of sessions: batches in a stream of their own, and what each handle has read of them.
//!
//! A handle that reads anything follows this stream with one consumer. It keeps the latest times of
//! all recently renewed sessions, some 50 bytes each, and passes the batches on to its watches.

mod times;

use crate::codec::{Beat, INCARNATION, Raw, beats, encode};
use crate::error::{Failure, Outcome, timeout};
use crate::jetstream::api::StreamInfo;
use crate::jetstream::reader::{Gap, Reader, StartAt, StreamEnd};
use crate::jetstream::streams::Streams;
use async_nats::HeaderMap;
use parking_lot::Mutex;
use presence_core::store::{BATCH_ENTRIES, Session, Touch};
use std::sync::Arc;
use std::time::Duration;
use times::Times;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

/// The number of batches that wait for a slow watch. The feed of a watch that is
/// further behind ends.
pub(crate) const BATCHES_WAITING: usize = 4096;
/// The bytes of ids in one message; JSON escapes may double them.
const BATCH_BYTES: usize = 200 * 1024;
/// How long a caller waits for renewals before it requests a check of the reader.
const LATE_AFTER: Duration = Duration::from_millis(150);
/// The pause before the follower reads again after a failure.
const RETRY_EVERY: Duration = Duration::from_millis(150);

/// The renewals of one message.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) touches: Arc<[Touch]>,
    /// The incarnation of the bucket that the revisions belong to.
    pub(crate) incarnation: u64,
    /// The revision that a watch of that incarnation must have read before it reports the batch.
    /// Otherwise the batch might be taken for a renewal of an earlier session of that id.
    pub(crate) after: u64,
}

/// The position up to which a handle has read the renewals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The creation time of the stream, which identifies its incarnation.
    created: Arc<str>,
    seq: u64,
}

#[derive(Debug)]
pub(crate) struct Beats {
    shared: Arc<Shared>,
    /// The task that follows the stream; started by the first read.
    follower: Mutex<Option<Follower>>,
    /// The subject under which this handle publishes.
    subject: String,
}

#[derive(Debug)]
struct Shared {
    streams: Arc<Streams>,
    times: Mutex<Times>,
    reached: watch::Sender<Reached>,
    news: broadcast::Sender<Batch>,
    /// Notified when expected renewals are overdue.
    late: Notify,
}

#[derive(Debug)]
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Beats {
    pub(crate) fn new(streams: &Arc<Streams>) -> Self {
        let shared = Shared {
            streams: Arc::clone(streams),
            times: Mutex::default(),
            reached: watch::Sender::default(),
            news: broadcast::Sender::new(BATCHES_WAITING),
            late: Notify::new(),
        };
        let subject = streams.keys.renewals_of(presence_core::random::u64());
        Self { shared: Arc::new(shared), follower: Mutex::default(), subject }
    }

    /// Publishes renewals. Every read that begins after this has returned takes them into account.
    pub(crate) async fn publish(&self, renewals: &[Beat]) -> Outcome<()> {
        let mut rest = renewals;
        let limit = BATCH_BYTES.min(self.shared.streams.link.client.max_payload() / 3);
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(user, id, ..): &&Beat| {
                bytes += user.as_str().len() + id.as_str().len() + 40;
                bytes <= limit
            };
            let count = rest.iter().take(BATCH_ENTRIES).take_while(fits).count().max(1);
            let (batch, later) = rest.split_at(count);
            let mut headers = HeaderMap::new();
            headers.insert(INCARNATION, self.shared.streams.incarnation().to_string());
            self.shared.streams.link.publish(&self.subject, Some(headers), encode(&batch)).await?;
            rest = later;
        }
        Ok(())
    }

    /// Publishes an empty batch, which proves that the stream accepts writes.
    pub(crate) async fn prove(&self) -> Outcome<()> {
        let nothing: [Beat; 0] = [];
        self.shared.streams.link.publish(&self.subject, None, encode(&nothing)).await.map(drop)
    }

    /// A receiver of all batches from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Batch> {
        self.follow();
        self.shared.news.subscribe()
    }

    /// Advances the times of a session to those of its latest renewal. A session without a heartbeat
    /// has none: its first heartbeat is written to its record.
    pub(crate) fn renew(&self, session: &mut Session) {
        if let Some(known) = self.shared.times.lock().get(&session.user, &session.id) {
            session.touch(known.seen_at, known.active_at);
        }
    }

    /// The same for a watch, which may read an old record before a newer one. A renewal of the
    /// newer record is not applied to the old one, since the session may have been
    /// forgotten in between.
    pub(crate) fn renew_at(&self, session: &mut Session, revision: u64, incarnation: u64) {
        let times = self.shared.times.lock();
        if let Some(known) = times.get(&session.user, &session.id)
            && (times.incarnation != incarnation || known.revision <= revision)
        {
            session.touch(known.seen_at, known.active_at);
        }
    }

    /// Waits until everything that was published before this call has been read.
    pub(crate) async fn catch_up(&self) -> Outcome<()> {
        self.follow();
        let streams = &self.shared.streams;
        let info = streams.info(&streams.keys.beats).await?;
        let caught_up = self.reach(&info.created, info.state.last_seq);
        tokio::time::timeout(streams.link.timeout(), caught_up).await.map_err(|_| Failure::Other(timeout()))
    }

    /// Waits until this sequence has been read in this incarnation of the stream.
    pub(crate) async fn reach(&self, created: &str, seq: u64) {
        self.follow();
        let mut reached = self.shared.reached.subscribe();
        loop {
            let is_there = reached.wait_for(|reached| *reached.created == *created && reached.seq >= seq);
            // `wait_for` cannot fail: `self` owns its sender.
            if tokio::time::timeout(LATE_AFTER, is_there).await.is_ok() {
                return;
            }
            self.shared.late.notify_one();
        }
    }

    /// Whether this sequence has been read in this incarnation of the stream.
    pub(crate) fn has_reached(&self, created: &str, seq: u64) -> bool {
        let reached = self.shared.reached.borrow();
        *reached.created == *created && reached.seq >= seq
    }

    /// Requests a check of the reader, because expected renewals have not arrived.
    pub(crate) fn check_reader(&self) {
        self.shared.late.notify_one();
    }

    fn follow(&self) {
        let mut follower = self.follower.lock();
        // The task ends only when its runtime does. It is then started again on the current
        // runtime.
        if follower.as_ref().is_none_or(|follower| follower.0.is_finished()) {
            *follower = Some(Follower(tokio::spawn(Arc::clone(&self.shared).run())));
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        loop {
            if let Err(failure) = self.read().await {
                tracing::debug!(?failure, "renewals cannot be read at the moment; they will be read again");
            }
            tokio::time::sleep(RETRY_EVERY.mul_f64(0.5 + presence_core::random::fraction())).await;
        }
    }

    /// Reads the stream from its beginning until there is a gap. Reading a renewal twice
    /// has no effect.
    async fn read(&self) -> Outcome<()> {
        let streams = &self.streams;
        streams.traits().await?;
        let stream = &streams.keys.beats;
        let info = match streams.info(stream).await {
            // The stream has been deleted since the check: create it again.
            Err(Failure::NoStream(_)) => streams.inspect().await?.1,
            info => info?,
        };
        let created: Arc<str> = info.created.as_str().into();
        let filter = streams.keys.renewals();
        let mut reader = Reader::open(&streams.link, stream, &filter, StartAt::First, end(&info)).await?;
        loop {
            if reader.is_at_start() {
                let (created, seq) = (Arc::clone(&created), reader.position());
                self.reached.send_replace(Reached { created, seq });
            }
            tokio::select! {
                next = reader.next() => match next {
                    Err(Gap) => return Ok(()),
                    Ok(raw) => self.take(&raw),
                },
                () = self.late.notified() => {
                    let info = streams.info(stream).await?;
                    let is_another = info.created != *created || info.state.last_seq < reader.position();
                    if is_another || reader.check(end(&info)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&self, raw: &Raw) {
        let Some((touches, revisions)) = beats(&raw.payload) else {
            metrics::counter!("presence_nats_unreadable_total").increment(1);
            tracing::error!("a batch of renewals cannot be decoded and is skipped");
            return;
        };
        let after = revisions.iter().copied().max().unwrap_or_default();
        self.times.lock().enter(&touches, &revisions, raw, self.streams.beats_for());
        if touches.is_empty() {
            // An empty batch only proves that the stream accepts writes.
            return;
        }
        // There may be no watch.
        let _ = self.news.send(Batch { touches: touches.into(), incarnation: raw.incarnation, after });
    }
}

/// The end of the stream of renewals. Renewals expire in order, so the last message expires last.
fn end(info: &StreamInfo) -> StreamEnd {
    let seq = info.state.last_seq;
    StreamEnd { seq, message: if info.state.messages == 0 { 0 } else { seq } }
}
