//! After the snapshot: what changes, and proofs of time.

use super::rewrite::Rewriting;
use super::{End, Watch, tell};
use crate::api::StreamInfo;
use crate::error::{Failure, Outcome};
use crate::store::Shared;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use presence_core::Timestamp;
use presence_core::store::{Feed, Touch};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;

/// How often the streams are asked for their time.
const PROVES_EVERY: Duration = Duration::from_millis(400);
/// How long a proof waits for what it speaks of before the readers are looked after.
const LATE_AFTER: Duration = Duration::from_millis(300);

type News = broadcast::Receiver<Arc<[Touch]>>;
/// The streams as they are where they live.
type Probe = BoxFuture<'static, Outcome<Seen>>;

struct Seen {
    state: StreamInfo,
    beats: StreamInfo,
    at: Timestamp,
    epoch: Arc<str>,
}

/// It was this time, and it counts once everything up to then has been told.
struct Proof {
    seen: Seen,
    late_at: Instant,
}

async fn probe(shared: Arc<Shared>) -> Outcome<Seen> {
    let streams = &shared.streams;
    let before = shared.lives.tops();
    // Old servers tell the time apart: it must be asked for first.
    let (state, beats) = if shared.is_old() {
        let keys = &streams.keys;
        let first = streams.info(&keys.state).await?;
        let at = streams.time(&first, &keys.state).await?;
        let (state, beats) = tokio::try_join!(streams.info(&keys.state), streams.info(&keys.beats))?;
        return Ok(Seen { epoch: shared.lives.epoch(&before, &state, &beats), at, state, beats });
    } else {
        tokio::try_join!(streams.info(&streams.keys.state), streams.info(&streams.keys.beats))?
    };
    let (one, other) = (state.ts, beats.ts);
    let Some((one, other)) = one.zip(other) else {
        shared.note_old();
        return Err(Failure::Other(crate::error::unavailable(
            "the server does not tell its time with the stream",
        )));
    };
    let epoch = shared.lives.epoch(&before, &state, &beats);
    Ok(Seen { at: one.0.min(other.0), epoch, state, beats })
}

impl Watch<'_> {
    /// W2, W3: until there is a gap.
    pub(super) async fn follow(&mut self, mut news: News) -> Result<(), End> {
        let mut rewriting = Rewriting::new(self.shared);
        let mut probing: Option<Probe> = None;
        let mut proof: Option<Proof> = None;
        // Whether the line was cut: then something may have been lost on it.
        let mut is_suspect = false;
        let mut proves = tokio::time::interval(PROVES_EVERY);
        proves.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.to.closed() => return Err(End::Unheard),
                next = self.reader.next() => self.tell_from(next?).await?,
                batch = news.recv() => {
                    // One who lags behind has missed some.
                    let batch = batch.map_err(|_| End::Gap)?;
                    tell(self.to, Feed::Touched(batch)).await?;
                }
                seen = async { Some(probing.as_mut()?.await) }, if probing.is_some() => {
                    probing = None;
                    match seen {
                        Some(Ok(seen)) => {
                            if seen.epoch != self.epoch || seen.state.state.last_seq < self.reader.position() {
                                return Err(End::Gap);
                            }
                            if std::mem::take(&mut is_suspect) {
                                self.reader.check(seen.state.state.last_seq).await?;
                                self.shared.beats.is_late();
                            }
                            proof.get_or_insert(Proof { seen, late_at: Instant::now() + LATE_AFTER });
                        }
                        Some(Err(Failure::NoStream(_))) => return Err(End::Gap),
                        _ => is_suspect = true,
                    }
                }
                _ = proves.tick(), if probing.is_none() => {
                    probing = Some(probe(Arc::clone(self.shared)).boxed());
                    self.look_after(&mut proof).await?;
                }
                () = rewriting.next() => {}
            }
            if let Some(at) = self.proven(&mut proof, &mut news).await? {
                tell(self.to, Feed::Alive { shard: 0, at }).await?;
            }
        }
    }

    /// The time of the proof, if everything has been told that came before.
    async fn proven(&self, proof: &mut Option<Proof>, news: &mut News) -> Result<Option<Timestamp>, End> {
        let Some(Proof { seen, .. }) = proof else { return Ok(None) };
        let is_told = self.reader.position() >= seen.state.state.last_seq
            && self.shared.beats.has_reached(&seen.beats.created, seen.beats.state.last_seq);
        if !is_told {
            return Ok(None);
        }
        let at = seen.at;
        *proof = None;
        // What the handle has read of renewals has been passed on; this tells it.
        for _ in 0..news.len() {
            match news.try_recv() {
                Ok(batch) => tell(self.to, Feed::Touched(batch)).await?,
                Err(TryRecvError::Empty) => break,
                Err(_) => return Err(End::Gap),
            }
        }
        Ok(Some(at))
    }

    /// A proof that does not come about needs somebody who asks why.
    async fn look_after(&mut self, proof: &mut Option<Proof>) -> Result<(), End> {
        let Some(Proof { seen, late_at }) = proof else { return Ok(()) };
        if Instant::now() < *late_at {
            return Ok(());
        }
        let end = seen.state.state.last_seq;
        if self.reader.position() < end {
            self.reader.check(end).await?;
        }
        if !self.shared.beats.has_reached(&seen.beats.created, seen.beats.state.last_seq) {
            self.shared.beats.is_late();
        }
        Ok(())
    }
}
