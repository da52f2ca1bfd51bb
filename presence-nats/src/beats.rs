//! Renewals: batches in a stream of their own, and what each handle knows of them.
//!
//! A handle that reads anything follows this stream once, whatever it reads. It keeps the latest times of all sessions that
//! were renewed lately, some 50 bytes each, and passes the batches on to its watches.

use crate::api::StreamInfo;
use crate::codec::{Beat, LIFE, Raw, beats, encode};
use crate::error::{Failure, Outcome, timeout};
use crate::feed::reader::{End, From, Gap, Reader};
use crate::streams::Streams;
use async_nats::HeaderMap;
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use presence_core::store::{BATCH_ENTRIES, Touch};
use presence_core::{Session, SessionId, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

/// How many batches wait for a watch that does not read. The feed of one that is further behind ends.
pub(crate) const BATCHES_WAITING: usize = 1024;
/// How many bytes of names go into one message: in JSON they may double.
const BATCH_BYTES: usize = 200 * 1024;
/// How long whoever waits for renewals waits before it has the reader looked after.
const LATE_AFTER: Duration = Duration::from_millis(150);
/// How long the follower waits before it tries again.
const RETRY_EVERY: Duration = Duration::from_millis(150);

/// Renewals that were published together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) touches: Arc<[Touch]>,
    /// Which life of the bucket it was published in.
    pub(crate) life: u64,
    /// How far a watch of that life must be to tell it: it may not be taken for a renewal of what was there before.
    pub(crate) after: u64,
}

/// How far a handle has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Which life of the stream.
    created: Arc<str>,
    seq: u64,
}

#[derive(Debug)]
pub(crate) struct Beats {
    shared: Arc<Shared>,
    /// Follows the stream, from the first time that somebody wants to know.
    follower: Mutex<Option<Follower>>,
    /// What this handle publishes under.
    subject: String,
}

#[derive(Debug)]
struct Shared {
    streams: Arc<Streams>,
    times: Mutex<Times>,
    reached: watch::Sender<Reached>,
    news: broadcast::Sender<Batch>,
    /// Somebody waits for what does not come.
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

    /// Publishes renewals; they are known to everybody who asks after this has returned.
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
            headers.insert(LIFE, self.shared.streams.life().to_string());
            self.shared.streams.link.publish(&self.subject, Some(headers), encode(&batch)).await?;
            rest = later;
        }
        Ok(())
    }

    /// Every batch that comes from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Batch> {
        self.follow();
        self.shared.news.subscribe()
    }

    /// Moves the times of a session forward to what is known of its renewals.
    pub(crate) fn renew(&self, session: &mut Session) {
        if let Some(known) = self.shared.times.lock().get(&session.user, &session.id) {
            session.touch(known.seen_at, known.active_at);
        }
    }

    /// The same for a watch, which may read an old record now and a newer one later: what is about the newer one waits
    /// for it. In between, the session may have been forgotten.
    pub(crate) fn renew_at(&self, session: &mut Session, revision: u64, life: u64) {
        let times = self.shared.times.lock();
        if let Some(known) = times.get(&session.user, &session.id)
            && (times.life != life || known.revision <= revision)
        {
            session.touch(known.seen_at, known.active_at);
        }
    }

    /// Returns once everything has been read that was published before this call.
    pub(crate) async fn catch_up(&self) -> Outcome<()> {
        self.follow();
        let streams = &self.shared.streams;
        let info = streams.info(&streams.keys.beats).await?;
        let caught_up = self.reach(&info.created, info.state.last_seq);
        tokio::time::timeout(streams.link.timeout(), caught_up).await.map_err(|_| Failure::Other(timeout()))
    }

    /// Returns once this sequence has been read in this life of the stream.
    pub(crate) async fn reach(&self, created: &str, seq: u64) {
        self.follow();
        let mut reached = self.shared.reached.subscribe();
        loop {
            let is_there = reached.wait_for(|reached| *reached.created == *created && reached.seq >= seq);
            // The sender lives in `self`.
            if tokio::time::timeout(LATE_AFTER, is_there).await.is_ok() {
                return;
            }
            self.shared.late.notify_one();
        }
    }

    /// Whether this sequence has been read in this life of the stream. If not, the reader is looked after.
    pub(crate) fn has_reached(&self, created: &str, seq: u64) -> bool {
        let reached = self.shared.reached.borrow();
        *reached.created == *created && reached.seq >= seq
    }

    /// What should have come has not.
    pub(crate) fn is_late(&self) {
        self.shared.late.notify_one();
    }

    fn follow(&self) {
        let mut follower = self.follower.lock();
        // It ends only with the runtime that it was started on.
        if follower.as_ref().is_none_or(|follower| follower.0.is_finished()) {
            *follower = Some(Follower(tokio::spawn(Arc::clone(&self.shared).run())));
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        loop {
            if let Err(failure) = self.read().await {
                tracing::debug!(?failure, "renewals cannot be read at the moment");
            }
            tokio::time::sleep(RETRY_EVERY.mul_f64(0.5 + presence_core::random::fraction())).await;
        }
    }

    /// Reads the stream from its beginning, until there is a gap. Whatever comes twice does no harm.
    async fn read(&self) -> Outcome<()> {
        let streams = &self.streams;
        streams.traits().await?;
        let stream = &streams.keys.beats;
        let info = match streams.info(stream).await {
            // It is gone since we looked: made anew.
            Err(Failure::NoStream(_)) => streams.look().await?.1,
            info => info?,
        };
        let created: Arc<str> = info.created.as_str().into();
        let filter = streams.keys.renewals();
        let mut reader = Reader::open(&self.streams, stream, &filter, From::First, end(&info)).await?;
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
            tracing::error!("a batch of renewals cannot be read, and is passed over");
            return;
        };
        let after = revisions.iter().copied().max().unwrap_or_default();
        self.times.lock().enter(&touches, &revisions, raw, self.streams.options.beats_for);
        // Nobody may be watching.
        let _ = self.news.send(Batch { touches: touches.into(), life: raw.life, after });
    }
}

/// Where the stream of renewals ends: they expire in order, so that the last one goes last.
fn end(info: &StreamInfo) -> End {
    let seq = info.state.last_seq;
    End { seq, message: if info.state.messages == 0 { 0 } else { seq } }
}

/// The latest times of sessions, by a hash of their names: two of a million share one once in ten million years of
/// restarts, and one of them then looks alive for longer.
#[derive(Debug, Default)]
struct Times {
    hasher: RandomState,
    /// Those of this stretch of `beats_for`, and those of the one before: what is older is in no stream any more.
    current: Stretch,
    before: Stretch,
    began_at: Timestamp,
    /// Which life of the bucket the revisions are of.
    life: u64,
}

type Stretch = HashMap<u64, Renewed, foldhash::fast::RandomState>;

/// What is known of a session's renewals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Renewed {
    seen_at: Timestamp,
    active_at: Timestamp,
    /// The record that the latest one was about.
    revision: u64,
}

impl Renewed {
    fn absorb(&mut self, other: Self) {
        self.seen_at = self.seen_at.max(other.seen_at);
        self.active_at = self.active_at.max(other.active_at);
        self.revision = self.revision.max(other.revision);
    }
}

impl Times {
    fn get(&self, user: &UserId, id: &SessionId) -> Option<Renewed> {
        let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
        match (self.current.get(&hash).copied(), self.before.get(&hash).copied()) {
            (Some(mut one), Some(other)) => {
                one.absorb(other);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }

    /// Enters a batch.
    fn enter(&mut self, batch: &[Touch], revisions: &[u64], raw: &Raw, keeps_for: Duration) {
        if raw.at.since(self.began_at) > keeps_for {
            self.before = std::mem::take(&mut self.current);
            self.began_at = raw.at;
        }
        if raw.life > self.life {
            // Revisions begin anew.
            let all = self.current.values_mut().chain(self.before.values_mut());
            all.for_each(|known| known.revision = 0);
            self.life = raw.life;
        }
        for (touch, revision) in batch.iter().zip(revisions) {
            let Touch::Session { user, id, seen_at, active_at } = touch else { continue };
            let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
            let revision = if raw.life == self.life { *revision } else { 0 };
            let renewed = Renewed { seen_at: *seen_at, active_at: *active_at, revision };
            self.current.entry(hash).or_default().absorb(renewed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(user: &str, seen: u64, active: u64) -> Touch {
        Touch::Session {
            user: UserId::new(user).unwrap(),
            id: SessionId::new("tab").unwrap(),
            seen_at: Timestamp::from_millis(seen),
            active_at: Timestamp::from_millis(active),
        }
    }

    fn enter(times: &mut Times, touches: &[Touch], revision: u64, at: u64, life: u64) {
        let raw = Raw {
            subject: String::new(),
            seq: 1,
            at: Timestamp::from_secs(at),
            gone: None,
            forgotten: None,
            life,
            payload: bytes::Bytes::new(),
        };
        times.enter(touches, &vec![revision; touches.len()], &raw, Duration::from_secs(10));
    }

    fn known(times: &Times, user: &str) -> Option<(u64, u64, u64)> {
        let known = times.get(&UserId::new(user).unwrap(), &SessionId::new("tab").unwrap())?;
        Some((known.seen_at.as_millis(), known.active_at.as_millis(), known.revision))
    }

    #[test]
    fn times_go_forward_and_are_kept_as_long_as_the_stream_keeps_them() {
        let mut times = Times::default();
        enter(&mut times, &[touch("a", 5, 4), touch("b", 1, 1)], 1, 100, 1);
        enter(&mut times, &[touch("a", 3, 6)], 1, 109, 1);
        assert_eq!(known(&times, "a"), Some((5, 6, 1)));
        enter(&mut times, &[touch("a", 7, 2)], 1, 111, 1);
        assert_eq!(known(&times, "a"), Some((7, 6, 1)));
        assert_eq!(known(&times, "b"), Some((1, 1, 1)));
        enter(&mut times, &[], 1, 122, 1);
        assert_eq!(known(&times, "b"), None);
        assert_eq!(known(&times, "a"), Some((7, 2, 1)));
        assert_eq!(known(&times, "c"), None);
    }

    #[test]
    fn revisions_are_of_one_life() {
        let mut times = Times::default();
        enter(&mut times, &[touch("a", 5, 5), touch("b", 5, 5)], 90, 100, 1);
        enter(&mut times, &[touch("a", 6, 6)], 3, 101, 2);
        assert_eq!(known(&times, "a"), Some((6, 6, 3)));
        assert_eq!(known(&times, "b"), Some((5, 5, 0)));
        // One who has not heard of the new life yet.
        enter(&mut times, &[touch("a", 7, 7)], 91, 102, 1);
        assert_eq!(known(&times, "a"), Some((7, 7, 3)));
    }
}
