//! A watch: a snapshot of the bucket in slices, then changes, with proofs of time at intervals.
//!
//! A watch has its own ordered consumer of the bucket. Renewals come from a consumer that all
//! watches of the handle share. A watch delivers the processes first, then the last message of
//! every key, then each change. When there is a gap, the watch ends, and the next one begins with a
//! full snapshot; a hundred thousand sessions are read in a third of a second. While the server
//! cannot be reached, a watch reports nothing and retries several times a second, so that it begins
//! soon after the server is back.

mod follow;
mod rewrite;
mod slice;
mod time;

use crate::codec::{Raw, Record};
use crate::error::{Failure, Outcome};
use crate::jetstream::reader::{Gap, Reader, StartAt};
use crate::jetstream::streams::Traits;
use crate::state::revision_cache::{State, WatchRegistration};
use crate::store::Shared;
use futures_util::stream::{self, BoxStream, StreamExt};
use presence_core::Timestamp;
use presence_core::store::{BATCH_ENTRIES, Block, Error, Facts, FeedEvent, ForgetIf, Kind, Node, UserRecord};
use slice::Slice;
use std::sync::Arc;
use std::time::Duration;
use time::Line;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

/// The capacity of a watch's channel, in feed events. When it is full, the watch stops reading, and
/// the server stops sending. If that lasts too long, the feed ends with a gap.
const MESSAGES_WAITING: usize = 16;
/// The longest wait of a watch before it retries while the server cannot be reached.
const RETRY_EVERY: Duration = Duration::from_millis(250);
/// The longest wait of a watch before it retries after the server refused it.
const RETRY_REFUSED_EVERY: Duration = Duration::from_secs(2);
/// After a gap, a watch waits a random part of this for each record of the bucket, since all
/// processes may have the gap at once.
const SPREAD_BY_RECORD: Duration = Duration::from_micros(10);
/// The bound of the wait after a gap.
const SPREAD: Duration = Duration::from_millis(1_500);

pub(crate) fn of(shared: Arc<Shared>) -> BoxStream<'static, FeedEvent> {
    // The task starts when the stream is first polled, on the runtime that polls it.
    let begin = async move {
        let (to, from) = mpsc::channel(MESSAGES_WAITING);
        let task = Task(tokio::spawn(async move {
            // The channel closes when the task ends, so the listener's stream ends too.
            let ended = run(&shared, &to).await;
            tracing::debug!(?ended, "the feed of the store ends");
        }));
        ReceiverStream::new(from).map(move |feed| {
            let _task = &task;
            feed
        })
    };
    stream::once(begin).flatten().boxed()
}

/// A task that is aborted when this value is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a feed ends.
#[derive(Debug)]
enum FeedEnd {
    /// The listener has dropped its stream.
    Unheard,
    /// Messages are missing, or a stream was replaced: a new watch has to begin with a snapshot.
    Gap,
}

impl From<Gap> for FeedEnd {
    fn from(_: Gap) -> Self {
        Self::Gap
    }
}

/// The sending side of a feed's channel.
type To = mpsc::Sender<FeedEvent>;

async fn send(to: &To, feed: FeedEvent) -> Result<(), FeedEnd> {
    to.send(feed).await.map_err(|_| FeedEnd::Unheard)
}

/// A watch whose readers are open.
struct Watch<'a> {
    shared: &'a Arc<Shared>,
    to: &'a To,
    reader: Reader,
    registration: WatchRegistration,
    /// The creation time of the bucket that it reads: its incarnation.
    created: Arc<str>,
    /// The same in milliseconds, as batches of renewals name it.
    incarnation: u64,
    epoch: Arc<str>,
    /// The record of the bucket's time, as last read or written by this watch.
    line: Line,
    /// Whether the snapshot has been reported; messages after it are changes.
    is_reported: bool,
}

async fn run(shared: &Arc<Shared>, to: &To) -> Result<(), FeedEnd> {
    let mut last = None;
    let (mut watch, news) = loop {
        // Subscribe before the streams are read, so that no batch of renewals is missed.
        let news = shared.beats.news();
        let failure = match begin(shared, to).await {
            Ok(watch) => break (watch?, news),
            Err(failure) => Error::from(failure),
        };
        let every = note(&failure, last.replace(failure.kind()));
        tokio::select! {
            () = tokio::time::sleep(every.mul_f64(0.4 + 0.6 * presence_core::random::fraction())) => {}
            () = to.closed() => return Err(FeedEnd::Unheard),
        }
    };
    watch.send_snapshot().await?;
    watch.is_reported = true;
    send(to, FeedEvent::Synced { shard: 0, epoch: Arc::clone(&watch.epoch) }).await?;
    // Rewriting runs in a task of its own, since a slow listener may hold up the feed.
    let _rewriting = Task(tokio::spawn(rewrite::run(Arc::clone(shared))));
    watch.follow(news).await
}

/// Logs why a watch cannot begin: a refusal as an error, unless `last`, the kind of the previous
/// failure, was one too; anything else at debug level. Returns how long to wait before
/// the next attempt.
fn note(error: &Error, last: Option<Kind>) -> Duration {
    let kind = error.kind();
    let error = error as &dyn std::error::Error;
    if kind == Kind::Rejected {
        if last != Some(kind) {
            tracing::error!(error, "the store refuses the watch");
        }
        return RETRY_REFUSED_EVERY;
    }
    tracing::debug!(error, "the store cannot be watched at the moment; the watch will be tried again");
    RETRY_EVERY
}

/// Opens the readers and reports the processes.
async fn begin<'a>(shared: &'a Arc<Shared>, to: &'a To) -> Outcome<Result<Watch<'a>, FeedEnd>> {
    let streams = &shared.streams;
    let traits = streams.traits().await?;
    let tops = shared.epochs.tops();
    let (state, beats) = streams.inspect().await?;
    let epoch = shared.epochs.epoch(&tops, &state, &beats);
    if shared.watched_before() {
        let records = u32::try_from(state.state.messages).unwrap_or(u32::MAX);
        let spread = SPREAD_BY_RECORD.saturating_mul(records).min(SPREAD);
        tokio::time::sleep(spread.mul_f64(presence_core::random::fraction())).await;
    }
    shared.compare_policies(traits).await?;
    for nodes in nodes(shared, traits).await?.chunks(BATCH_ENTRIES) {
        let nodes = nodes.to_vec();
        if let Err(end) = send(to, FeedEvent::Facts(Arc::new(Facts { nodes, ..Facts::default() }))).await {
            return Ok(Err(end));
        }
    }
    let registration = shared.revisions.register_watch();
    let (stream, all) = (&streams.keys.state, streams.keys.all());
    let end = streams.end(&state).await?;
    let reader = Reader::open(&streams.link, stream, &all, StartAt::Latest, end).await?;
    // Sessions are reported with their latest renewals, so those are read first.
    let caught_up = shared.beats.reach(&beats.created, beats.state.last_seq);
    if tokio::time::timeout(streams.link.timeout(), caught_up).await.is_err() {
        return Err(Failure::Other(crate::error::timeout()));
    }
    let (created, incarnation) = (state.created.as_str().into(), state.incarnation());
    let (line, is_reported) = (Line::default(), false);
    Ok(Ok(Watch { shared, to, reader, registration, created, incarnation, epoch, line, is_reported }))
}

/// Reads all processes. They are reported before the sessions that they hold, since the liveness of
/// those depends on their processes.
async fn nodes(shared: &Arc<Shared>, traits: Traits) -> Outcome<Vec<Node>> {
    let keys = &shared.streams.keys;
    let subjects = shared.streams.subjects(&keys.state, &keys.nodes()).await?;
    shared.read_nodes(traits, subjects).await
}

/// The next message of a reader that has not yet read everything that existed when it started;
/// `None` if nothing of that is left to read.
async fn next_in_time(shared: &Shared, reader: &mut Reader) -> Outcome<Option<Raw>> {
    let gap = || Failure::Other(crate::error::unavailable("messages were lost on the way"));
    let mut checks = 0;
    loop {
        match tokio::time::timeout(shared.streams.link.timeout() / 4, reader.next()).await {
            Ok(next) => return next.map(Some).map_err(|Gap| gap()),
            // The last messages may have been deleted since, so the reader is checked.
            Err(_) if checks == 8 => return Err(Failure::Other(crate::error::timeout())),
            Err(_) => {
                checks += 1;
                let streams = &shared.streams;
                let end = streams.end(&streams.info(&streams.keys.state).await?).await?;
                reader.check(end).await.map_err(|Gap| gap())?;
                if reader.is_at_start() {
                    return Ok(None);
                }
            }
        }
    }
}

impl Watch<'_> {
    /// Reports the snapshot (clause W1): the last message of every key.
    async fn send_snapshot(&mut self) -> Result<(), FeedEnd> {
        while !self.reader.is_at_start() {
            let shared = self.shared;
            match next_in_time(shared, &mut self.reader).await {
                Ok(Some(raw)) => self.send_from(raw).await?,
                Ok(None) => {}
                Err(_) => return Err(FeedEnd::Gap),
            }
        }
        Ok(())
    }

    /// Reports a message, together with those that have already arrived.
    async fn send_from(&mut self, first: Raw) -> Result<(), FeedEnd> {
        let mut slice = Slice::default();
        let mut next = Some(first);
        while let Some(raw) = next {
            self.enter(&raw, &mut slice);
            next = if slice.entries < BATCH_ENTRIES - 1 { self.reader.ready().transpose()? } else { None };
        }
        // Recorded before the events are reported, so that a renewal of one of these sessions finds
        // its record in the cache.
        self.registration.has_read(&self.created, self.reader.position());
        for feed in slice.feeds() {
            send(self.to, feed).await?;
        }
        Ok(())
    }

    fn enter(&mut self, raw: &Raw, slice: &mut Slice) {
        let Shared { revisions, own_writes, beats, streams, .. } = &**self.shared;
        let own = own_writes.take(raw).map(Record::Session);
        match own.unwrap_or_else(|| raw.read(&streams.keys)) {
            Record::Session(mut session) => {
                let key = session.key();
                let repeats_deletion = raw.forgotten.is_some();
                revisions.record_read(
                    &self.registration,
                    &key,
                    raw.seq,
                    State::Existing { session: &session, repeats_deletion },
                );
                beats.renew_at(&mut session, raw.seq, self.incarnation);
                if let Some(forgotten) = raw.forgotten {
                    slice.forgotten().push(forgotten.gone.seen(key));
                }
                slice.facts().sessions.push(session);
            }
            Record::User(record) => {
                if raw.forgotten.is_some() {
                    // The deletion may not have been reported, so it applies to every earlier
                    // state.
                    let all = Timestamp::MAX;
                    let block = Some(Block { at: all, until: all, session: None });
                    let known =
                        UserRecord { user: record.user.clone(), seen_at: all, erased_at: Some(all), block };
                    slice.forgotten().push(ForgetIf::User(known));
                }
                slice.facts().users.push(record);
            }
            Record::Node(node) => slice.facts().nodes.push(node),
            Record::Gone(seen) => {
                if let ForgetIf::Session { key, .. } = &seen {
                    revisions.record_read(&self.registration, key, raw.seq, State::Gone);
                }
                slice.forgotten().push(seen);
            }
            Record::Foreign if raw.subject == streams.keys.time() => {
                let on = self.is_reported.then(Instant::now);
                self.line = Line::read(raw, on);
            }
            Record::Unreadable | Record::Foreign => {}
        }
    }
}
