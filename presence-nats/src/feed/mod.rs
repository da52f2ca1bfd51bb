//! What a watch does: everything in slices, then what changes, and the time again and again.
//!
//! A watch reads the bucket by an ordered reader of its own, and hears of renewals from the handle's. Processes come first,
//! then the last message of every key, then what is written. Whenever there is the slightest gap it ends, and the next one
//! begins with everything: a hundred thousand sessions are read in a third of a second. While the server cannot be reached
//! it is silent and tries again, so that a watch begins within a moment of its return.

mod follow;
pub(crate) mod reader;
mod rewrite;

use crate::api::StreamInfo;
use crate::codec::{Raw, Record};
use crate::error::{Failure, Outcome};
use crate::feed::reader::{From, Gap, Reader};
use crate::known::Feeding;
use crate::store::Shared;
use futures_util::stream::{self, BoxStream, StreamExt};
use presence_core::store::{BATCH_ENTRIES, Error, Facts, Feed, Kind, Seen};
use presence_core::{Node, Session};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

/// How many messages wait for the reader of a watch. When it does not read, nothing more is read from the server, which
/// then holds back, and in the end the feed has a gap.
const MESSAGES_WAITING: usize = 16;
/// How long a watch waits, at most, before it tries the server again.
const RETRY_EVERY: Duration = Duration::from_millis(250);
/// The same, if the server refuses.
const RETRY_REFUSED_EVERY: Duration = Duration::from_secs(2);
/// After a gap, which all processes may have at once, each waits a part of this for each record there is.
const SPREAD_BY_RECORD: Duration = Duration::from_micros(10);
/// And no longer than this.
const SPREAD: Duration = Duration::from_millis(1_500);

pub(crate) fn of(shared: Arc<Shared>) -> BoxStream<'static, Feed> {
    // The task begins when somebody listens, on the listener's runtime.
    let begin = async move {
        let (to, from) = mpsc::channel(MESSAGES_WAITING);
        let task = Task(tokio::spawn(async move {
            // However it ends, the listener hears of the end.
            let _ = run(&shared, &to).await;
        }));
        ReceiverStream::new(from).map(move |feed| {
            let _lives = &task;
            feed
        })
    };
    stream::once(begin).flatten().boxed()
}

/// Ends with the stream that it feeds.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a feed ends.
#[derive(Debug)]
enum End {
    /// Nobody listens any more.
    Unheard,
    /// It cannot go on.
    Gap,
}

impl std::convert::From<Gap> for End {
    fn from(_: Gap) -> Self {
        Self::Gap
    }
}

/// The sending side of a feed.
type To = mpsc::Sender<Feed>;

async fn tell(to: &To, feed: Feed) -> Result<(), End> {
    to.send(feed).await.map_err(|_| End::Unheard)
}

/// A watch that has begun.
struct Watch<'a> {
    shared: &'a Arc<Shared>,
    to: &'a To,
    reader: Reader,
    feeding: Feeding,
    /// Which life of the bucket it reads.
    created: Arc<str>,
    epoch: Arc<str>,
}

async fn run(shared: &Arc<Shared>, to: &To) -> Result<(), End> {
    // Before anything is looked at: no batch may fall between.
    let news = shared.beats.news();
    let mut watch = loop {
        let failure = match begin(shared, to).await {
            Ok(watch) => break watch?,
            Err(failure) => Error::from(failure),
        };
        let every = note(&failure);
        tokio::select! {
            () = tokio::time::sleep(every.mul_f64(0.4 + 0.6 * presence_core::random::fraction())) => {}
            () = to.closed() => return Err(End::Unheard),
        }
    };
    watch.tell_everything().await?;
    tell(to, Feed::Synced { shard: 0, epoch: Arc::clone(&watch.epoch) }).await?;
    watch.follow(news).await
}

/// Logs why a watch cannot begin; answers with how long it should wait.
fn note(error: &Error) -> Duration {
    let kind = error.kind();
    let error = error as &dyn std::error::Error;
    if kind == Kind::Rejected {
        tracing::error!(error, "the store refuses to be watched");
        return RETRY_REFUSED_EVERY;
    }
    tracing::debug!(error, "the store cannot be watched at the moment");
    RETRY_EVERY
}

/// Tells of the processes, and begins to read the bucket.
async fn begin<'a>(shared: &'a Arc<Shared>, to: &'a To) -> Outcome<Result<Watch<'a>, End>> {
    let streams = &shared.streams;
    streams.traits().await?;
    let tops = shared.lives.tops();
    let (state, beats) = streams.look().await?;
    let epoch = shared.lives.epoch(&tops, &state, &beats);
    if shared.watched_before() {
        let records = u32::try_from(state.state.messages).unwrap_or(u32::MAX);
        let spread = SPREAD_BY_RECORD.saturating_mul(records).min(SPREAD);
        tokio::time::sleep(spread.mul_f64(presence_core::random::fraction())).await;
    }
    for nodes in nodes(shared, &state).await?.chunks(BATCH_ENTRIES) {
        let nodes = nodes.to_vec();
        if let Err(end) = tell(to, Feed::Facts(Arc::new(Facts { sessions: Vec::new(), nodes }))).await {
            return Ok(Err(end));
        }
    }
    let feeding = shared.known.feed();
    let (stream, all) = (&streams.keys.state, streams.keys.all());
    let reader = Reader::open(streams, stream, &all, From::Latest, state.state.last_seq).await?;
    // Sessions are told with their renewals.
    let caught_up = shared.beats.reach(&beats.created, beats.state.last_seq);
    if tokio::time::timeout(streams.link.timeout(), caught_up).await.is_err() {
        return Err(Failure::Other(crate::error::timeout()));
    }
    let created = state.created.as_str().into();
    Ok(Ok(Watch { shared, to, reader, feeding, created, epoch }))
}

/// All processes: they come before the sessions that they hold, which are judged by them.
async fn nodes(shared: &Arc<Shared>, state: &StreamInfo) -> Outcome<Vec<Node>> {
    let streams = &shared.streams;
    let (stream, filter) = (&streams.keys.state, streams.keys.nodes());
    let mut reader = Reader::open(streams, stream, &filter, From::Latest, state.state.last_seq).await?;
    let mut nodes = Vec::new();
    while !reader.is_at_start() {
        match next_in_time(shared, &mut reader).await? {
            Some(raw) => {
                if let Record::Node(node) = raw.read(&streams.keys) {
                    nodes.push(node);
                }
            }
            None => break,
        }
    }
    Ok(nodes)
}

/// The next message of a reader on its way to where it started; `None` if there is none to come after all.
async fn next_in_time(shared: &Shared, reader: &mut Reader) -> Outcome<Option<Raw>> {
    let gap = || Failure::Other(crate::error::unavailable("messages were lost on the way"));
    let mut checks = 0;
    loop {
        match tokio::time::timeout(shared.streams.link.timeout() / 4, reader.next()).await {
            Ok(next) => return next.map(Some).map_err(|Gap| gap()),
            // The last ones may have gone since: asked twice, because they may be on their way.
            Err(_) if checks == 8 => return Err(Failure::Other(crate::error::timeout())),
            Err(_) => {
                checks += 1;
                reader.check(reader.start()).await.map_err(|Gap| gap())?;
                if reader.is_at_start() {
                    return Ok(None);
                }
            }
        }
    }
}

impl Watch<'_> {
    /// W1: the last message of every key.
    async fn tell_everything(&mut self) -> Result<(), End> {
        while !self.reader.is_at_start() {
            let shared = self.shared;
            match next_in_time(shared, &mut self.reader).await {
                Ok(Some(raw)) => self.tell_from(raw).await?,
                Ok(None) => {}
                Err(_) => return Err(End::Gap),
            }
        }
        Ok(())
    }

    /// Tells what a message says, together with those that have come already.
    async fn tell_from(&mut self, first: Raw) -> Result<(), End> {
        let mut slice = Slice::default();
        let mut next = Some(first);
        while let Some(raw) = next {
            if let Some(feed) = self.enter(&raw, &mut slice) {
                tell(self.to, feed).await?;
            }
            next = if slice.len() < BATCH_ENTRIES { self.reader.ready().transpose()? } else { None };
        }
        // What is told is known: a renewal that comes now finds it.
        self.feeding.has_read(&self.created, self.reader.position());
        for feed in slice.take() {
            tell(self.to, feed).await?;
        }
        Ok(())
    }

    /// Adds a message to a slice; answers with what must be told before, because order matters.
    fn enter(&self, raw: &Raw, slice: &mut Slice) -> Option<Feed> {
        match raw.read(&self.shared.streams.keys) {
            Record::Session(mut session) => {
                self.shared.known.hear(&self.feeding, &session.key(), raw.seq, Some(&session));
                self.shared.beats.renew(&mut session);
                let before = slice.take_forgotten();
                slice.facts.sessions.push(session);
                before
            }
            Record::Node(node) => {
                let before = slice.take_forgotten();
                slice.facts.nodes.push(node);
                before
            }
            Record::Gone(seen) => {
                if let Seen::Session { key, .. } = &seen {
                    self.shared.known.hear(&self.feeding, key, raw.seq, None);
                }
                let before = slice.take_facts();
                slice.forgotten.push(seen);
                before
            }
            Record::Unreadable | Record::Foreign => None,
        }
    }
}

/// What is told next: facts or what was forgotten, never both.
#[derive(Default)]
struct Slice {
    facts: Facts,
    forgotten: Vec<Seen>,
}

impl Slice {
    fn len(&self) -> usize {
        self.facts.sessions.len() + self.facts.nodes.len() + self.forgotten.len()
    }

    fn take_facts(&mut self) -> Option<Feed> {
        let Facts { sessions, nodes }: &Facts = &self.facts;
        let is_empty = <[Session]>::is_empty(sessions) && <[Node]>::is_empty(nodes);
        (!is_empty).then(|| Feed::Facts(Arc::new(std::mem::take(&mut self.facts))))
    }

    fn take_forgotten(&mut self) -> Option<Feed> {
        (!self.forgotten.is_empty()).then(|| Feed::Forgotten(std::mem::take(&mut self.forgotten).into()))
    }

    fn take(mut self) -> impl Iterator<Item = Feed> {
        [self.take_facts(), self.take_forgotten()].into_iter().flatten()
    }
}
