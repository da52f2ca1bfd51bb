//! Renewals: batches in a stream of their own, and what each handle knows of them.
//!
//! A handle that reads anything follows this stream once, whatever it reads. It keeps the latest times of all sessions that
//! were renewed lately, some 40 bytes each, and passes the batches on to its watches.

use crate::codec::{Beat, beats, encode};
use crate::error::{Failure, Outcome, timeout};
use crate::feed::reader::{From, Gap, Reader};
use crate::streams::Streams;
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use presence_core::store::{BATCH_ENTRIES, Touch};
use presence_core::{Session, SessionId, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

/// How many batches wait for a watch that does not read. The feed of one that is further behind ends.
const BATCHES_WAITING: usize = 1024;
/// How many bytes of names go into one message: in JSON they may double.
const BATCH_BYTES: usize = 200 * 1024;
/// How long whoever waits for renewals waits before it has the reader looked after.
const LATE_AFTER: Duration = Duration::from_millis(150);
/// How long the follower waits before it tries again.
const RETRY_EVERY: Duration = Duration::from_millis(150);

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
    follower: OnceLock<Follower>,
    /// What this handle publishes under.
    subject: String,
}

#[derive(Debug)]
struct Shared {
    streams: Arc<Streams>,
    times: Mutex<Times>,
    reached: watch::Sender<Reached>,
    news: broadcast::Sender<Arc<[Touch]>>,
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
        Self { shared: Arc::new(shared), follower: OnceLock::new(), subject }
    }

    /// Publishes renewals; they are known to everybody who asks after this has returned.
    pub(crate) async fn publish(&self, renewals: &[Beat]) -> Outcome<()> {
        let mut rest = renewals;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(user, id, ..): &&Beat| {
                bytes += user.as_str().len() + id.as_str().len() + 40;
                bytes <= BATCH_BYTES
            };
            let count = rest.iter().take(BATCH_ENTRIES).take_while(fits).count().max(1);
            let (batch, later) = rest.split_at(count);
            self.shared.streams.link.publish(&self.subject, None, encode(&batch)).await?;
            rest = later;
        }
        Ok(())
    }

    /// Every batch that comes from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Arc<[Touch]>> {
        self.follow();
        self.shared.news.subscribe()
    }

    /// Moves the times of a session forward to what is known of its renewals; answers whether it did.
    pub(crate) fn renew(&self, session: &mut Session) -> bool {
        let known = self.shared.times.lock().get(&session.user, &session.id);
        known.is_some_and(|(seen_at, active_at)| session.touch(seen_at, active_at))
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
        self.follower.get_or_init(|| Follower(tokio::spawn(Arc::clone(&self.shared).run())));
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
        let mut reader =
            Reader::open(&self.streams, stream, &filter, From::First, info.state.last_seq).await?;
        loop {
            if reader.is_at_start() {
                let (created, seq) = (Arc::clone(&created), reader.position());
                self.reached.send_replace(Reached { created, seq });
            }
            tokio::select! {
                next = reader.next() => match next {
                    Err(Gap) => return Ok(()),
                    Ok(raw) => self.take(&raw.payload, raw.at),
                },
                () = self.late.notified() => {
                    let info = streams.info(stream).await?;
                    let is_another = info.created != *created || info.state.last_seq < reader.position();
                    if is_another || reader.check(info.state.last_seq).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&self, payload: &[u8], at: Timestamp) {
        let Some(batch) = beats(payload) else {
            metrics::counter!("presence_nats_unreadable_total").increment(1);
            tracing::error!("a batch of renewals cannot be read, and is passed over");
            return;
        };
        self.times.lock().enter(&batch, at, self.streams.options.beats_for);
        // Nobody may be watching.
        let _ = self.news.send(batch.into());
    }
}

/// The latest times of sessions, by a hash of their names: two of a million share one once in ten million years of
/// restarts, and one of them then looks alive for longer.
#[derive(Debug, Default)]
struct Times {
    hasher: RandomState,
    /// Those of this stretch of `beats_for`, and those of the one before: what is older is in no stream any more.
    current: HashMap<u64, (Timestamp, Timestamp), foldhash::fast::RandomState>,
    before: HashMap<u64, (Timestamp, Timestamp), foldhash::fast::RandomState>,
    began_at: Timestamp,
}

impl Times {
    fn get(&self, user: &UserId, id: &SessionId) -> Option<(Timestamp, Timestamp)> {
        let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
        let (one, other) = (self.current.get(&hash), self.before.get(&hash));
        match (one, other) {
            (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
            (one, other) => one.or(other).copied(),
        }
    }

    /// Enters a batch that the server took at this time.
    fn enter(&mut self, batch: &[Touch], at: Timestamp, keeps_for: Duration) {
        if at.since(self.began_at) > keeps_for {
            self.before = std::mem::take(&mut self.current);
            self.began_at = at;
        }
        for touch in batch {
            let Touch::Session { user, id, seen_at, active_at } = touch else { continue };
            let hash = self.hasher.hash_one((user.as_str(), id.as_str()));
            let known = self.current.entry(hash).or_default();
            *known = (known.0.max(*seen_at), known.1.max(*active_at));
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

    #[test]
    fn times_go_forward_and_are_kept_as_long_as_the_stream_keeps_them() {
        let mut times = Times::default();
        let (at, keeps_for) = (Timestamp::from_secs, Duration::from_secs(10));
        let known = |times: &Times, user: &str| {
            let known = times.get(&UserId::new(user).unwrap(), &SessionId::new("tab").unwrap());
            known.map(|(seen, active)| (seen.as_millis(), active.as_millis()))
        };
        times.enter(&[touch("a", 5, 4), touch("b", 1, 1)], at(100), keeps_for);
        times.enter(&[touch("a", 3, 6)], at(109), keeps_for);
        assert_eq!(known(&times, "a"), Some((5, 6)));
        times.enter(&[touch("a", 7, 2)], at(111), keeps_for);
        assert_eq!(known(&times, "a"), Some((7, 6)));
        assert_eq!(known(&times, "b"), Some((1, 1)));
        times.enter(&[], at(122), keeps_for);
        assert_eq!(known(&times, "b"), None);
        assert_eq!(known(&times, "a"), Some((7, 2)));
        assert_eq!(known(&times, "c"), None);
    }
}
