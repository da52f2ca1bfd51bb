//! The second part of a watch, after the snapshot: changes and proofs of time.

use super::time::Line;
use super::{FeedEnd, Watch, send};
use crate::error::{Failure, Outcome};
use crate::jetstream::api::StreamInfo;
use crate::renewals::{BATCHES_WAITING, Batch};
use crate::store::Shared;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use presence_core::store::FeedEvent;
use presence_core::time::TimeLine;
use presence_core::{Clock, SystemClock};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;

/// The interval between two proofs of time.
const PROVES_EVERY: Duration = Duration::from_millis(350);
/// How long a proof waits for the messages stored before it; after that, the readers are checked.
const LATE_AFTER: Duration = Duration::from_millis(300);

type News = broadcast::Receiver<Batch>;
/// A request in flight for the state of both streams, as their leaders have it.
type Probe = BoxFuture<'static, Outcome<Seen>>;

struct Seen {
    state: StreamInfo,
    beats: StreamInfo,
    /// The newest time that was written before the state of the streams was read.
    line: Line,
    epoch: Arc<str>,
}

/// A proof of time that is waiting: it is reported once everything that was stored before it has
/// been reported.
struct Proof {
    seen: Seen,
    late_at: Instant,
}

async fn probe(shared: Arc<Shared>, known: Line) -> Outcome<Seen> {
    let (streams, before) = (&shared.streams, shared.epochs.tops());
    let proven = shared.prove(&known).await;
    // The state is read even if no time was written, since only this request notices a deleted
    // stream.
    let (state, beats) =
        tokio::try_join!(streams.info(&streams.keys.state), streams.info(&streams.keys.beats))?;
    let line = proven?;
    let epoch = shared.epochs.epoch(&before, &state, &beats);
    Ok(Seen { state, beats, line, epoch })
}

impl Watch<'_> {
    /// Reports changes (clause W2) and proofs of time (W3) until there is a gap.
    pub(super) async fn follow(&mut self, mut news: News) -> Result<(), FeedEnd> {
        let mut waiting = VecDeque::new();
        let mut probing: Option<Probe> = None;
        // The reader's position at the time of the request: a stream that is shorter than that has
        // lost data.
        let mut read = 0;
        let mut proof: Option<Proof> = None;
        // Whether the connection was interrupted, so that messages may have been lost.
        let mut is_suspect = false;
        let mut proves = tokio::time::interval(PROVES_EVERY);
        proves.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.to.closed() => return Err(FeedEnd::Unheard),
                next = self.reader.next() => self.send_from(next?).await?,
                // A receiver that lagged has lost batches of renewals.
                batch = news.recv() => waiting.push_back(batch.map_err(|_| FeedEnd::Gap)?),
                seen = async { Some(probing.as_mut()?.await) }, if probing.is_some() => {
                    probing = None;
                    match seen {
                        Some(Ok(seen)) => {
                            if seen.epoch != self.epoch || seen.state.state.last_seq < read {
                                return Err(FeedEnd::Gap);
                            }
                            self.line.take(&seen.line);
                            if std::mem::take(&mut is_suspect) {
                                self.check(&seen.state).await?;
                                self.shared.beats.check_reader();
                            }
                            proof.get_or_insert(Proof { seen, late_at: Instant::now() + LATE_AFTER });
                        }
                        Some(Err(Failure::NoStream(_))) => return Err(FeedEnd::Gap),
                        _ => {
                            is_suspect = true;
                            send(self.to, FeedEvent::Unproven { shard: 0 }).await?;
                        }
                    }
                }
                _ = proves.tick(), if probing.is_none() => {
                    read = self.reader.position();
                    probing = Some(probe(Arc::clone(self.shared), self.line.clone()).boxed());
                    self.check_overdue(&mut proof).await?;
                }
            }
            // The position may advance without a message, so it is recorded every time.
            self.registration.has_read(&self.created, self.reader.position());
            self.renew(&mut waiting).await?;
            if let Some(TimeLine { at, blind, .. }) = self.proven(&mut proof, &mut news, &mut waiting).await?
            {
                self.shared.reckoning.answered(0, at, blind.as_slice(), SystemClock.now());
                send(self.to, FeedEvent::Alive { shard: 0, at, blind: blind.as_slice().into() }).await?;
            }
        }
    }

    /// Reports the renewals whose records have been reported.
    async fn renew(&self, waiting: &mut VecDeque<Batch>) -> Result<(), FeedEnd> {
        while let Some(batch) = waiting.front() {
            if batch.incarnation == self.incarnation && batch.after > self.reader.position() {
                break;
            }
            let Some(Batch { touches, .. }) = waiting.pop_front() else { break };
            send(self.to, FeedEvent::Touched(touches)).await?;
        }
        if waiting.len() > BATCHES_WAITING { Err(FeedEnd::Gap) } else { Ok(()) }
    }

    /// The time of the proof, if everything that was stored before it has been reported.
    async fn proven(
        &self,
        proof: &mut Option<Proof>,
        news: &mut News,
        waiting: &mut VecDeque<Batch>,
    ) -> Result<Option<TimeLine>, FeedEnd> {
        let Some(Proof { seen, .. }) = proof else { return Ok(None) };
        let is_read = self.reader.position() >= seen.state.state.last_seq
            && self.shared.beats.has_reached(&seen.beats.created, seen.beats.state.last_seq);
        if !is_read {
            return Ok(None);
        }
        // Drain the renewals that the handle has already read, since the proof covers them.
        for _ in 0..news.len() {
            match news.try_recv() {
                Ok(batch) => waiting.push_back(batch),
                Err(TryRecvError::Empty) => break,
                Err(_) => return Err(FeedEnd::Gap),
            }
        }
        self.renew(waiting).await?;
        if !waiting.is_empty() {
            return Ok(None);
        }
        Ok(proof.take().and_then(|proof| proof.seen.line.time().cloned()))
    }

    /// Checks the readers when a proof is overdue.
    async fn check_overdue(&mut self, proof: &mut Option<Proof>) -> Result<(), FeedEnd> {
        let Some(Proof { seen, late_at }) = proof else { return Ok(()) };
        if Instant::now() < *late_at {
            return Ok(());
        }
        if self.reader.position() < seen.state.state.last_seq {
            self.check(&seen.state).await?;
        }
        if !self.shared.beats.has_reached(&seen.beats.created, seen.beats.state.last_seq) {
            self.shared.beats.check_reader();
        }
        Ok(())
    }

    async fn check(&mut self, state: &StreamInfo) -> Result<(), FeedEnd> {
        // If the server does not answer, the next proof checks again.
        if let Ok(end) = self.shared.streams.end(state).await {
            self.reader.check(end).await?;
        }
        Ok(())
    }
}
