//! The time of the bucket: a record that all watches advance. Writing it proves that the store
//! accepts writes.
//!
//! Clauses W3, W5, W6: the key `t` holds the [`TimeLine`]. A watch that has read no new time for a
//! moment publishes an empty batch to the stream of renewals, and then writes the record, on
//! condition that nobody else has written it since the watch read it. Each time in the record was
//! therefore preceded by a write to both streams. So one process writes for all processes.

use crate::codec::{Raw, encode};
use crate::error::Outcome;
use crate::store::Shared;
use presence_core::time::{Ask, Blind, TimeLine};
use presence_core::{Clock, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// A watch does not advance the time while the newest one is younger than this.
const SHARED_FOR: Duration = Duration::from_millis(300);

/// The JSON of the record.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    at: Timestamp,
    born: Timestamp,
    blind: Vec<Blind>,
}

/// The time record, as a watch last read or wrote it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    revision: u64,
    /// `None` if the record is missing or cannot be decoded.
    time: Option<TimeLine>,
    /// When this process received the record as a change; `None` if it was read as part
    /// of a snapshot.
    on: Option<Instant>,
}

impl Line {
    /// Reads the record.
    pub(crate) fn read(raw: &Raw, on: Option<Instant>) -> Self {
        let wire = serde_json::from_slice(&raw.payload).ok().filter(|_| raw.gone.is_none());
        let line = |Wire { at, born, blind }| TimeLine { at, born, blind: blind.into_iter().collect() };
        Self { revision: raw.seq, time: wire.map(line), on }
    }

    /// The newest time and the blind stretches; `None` before the first.
    pub(crate) fn time(&self) -> Option<&TimeLine> {
        self.time.as_ref()
    }

    /// Replaces this with `other`, if that one is newer.
    pub(crate) fn take(&mut self, other: &Self) {
        if other.revision > self.revision {
            self.clone_from(other);
        }
    }

    /// Whether the time is new enough and contains all blind stretches that this handle could add.
    fn suffices(&self, ask: &Ask) -> bool {
        let is_young = self.on.is_some_and(|on| on.elapsed() < SHARED_FOR);
        let remembers = |time: &TimeLine| {
            let mut carried_on = time.clone();
            carried_on.advance(&Ask { reckoned: None, ..ask.clone() }, Timestamp::ZERO);
            carried_on == *time
        };
        is_young && self.time.as_ref().is_some_and(remembers)
    }
}

impl Shared {
    /// Writes to both streams, unless the newest time was written a moment ago. Returns the newest
    /// time that is known to be written.
    pub(crate) async fn prove(&self, known: &Line) -> Outcome<Line> {
        if known.suffices(&self.reckoning.ask(0, SystemClock.now())) {
            return Ok(known.clone());
        }
        self.beats.prove().await?;
        let streams = &self.streams;
        let ask = self.reckoning.ask(0, SystemClock.now());
        // The server's clock is needed only by a handle that has no reckoning of its own.
        let clock = if ask.reckoned.is_some() { Timestamp::ZERO } else { self.server_time().await? };
        let time = match known.time.clone() {
            Some(mut time) => {
                time.advance(&ask, clock);
                time
            }
            None => TimeLine::begin(&ask, clock),
        };
        let wire = Wire { at: time.at, born: time.born, blind: time.blind.as_slice().to_vec() };
        match streams.write(&streams.keys.time(), known.revision, encode(&wire), None).await? {
            Some(revision) => Ok(Line { revision, time: Some(time), on: Some(Instant::now()) }),
            // Another process has written the record; the watch will read it.
            None => Ok(known.clone()),
        }
    }

    /// The time that the next proof would report.
    pub(crate) async fn now(&self) -> Outcome<Timestamp> {
        let (streams, subject) = (&self.streams, self.streams.keys.time());
        let kept = streams.read_from_leader(&subject).await?.and_then(|raw| Line::read(&raw, None).time);
        let reckoned = self.reckoning.now(SystemClock.now());
        match (kept, reckoned) {
            (Some(kept), Some(_)) => Ok(kept.reckon(reckoned, Timestamp::ZERO)),
            (Some(kept), None) => Ok(kept.reckon(None, self.server_time().await?)),
            (None, reckoned) => Ok(self.server_time().await?.max(reckoned.unwrap_or_default())),
        }
    }

    async fn server_time(&self) -> Outcome<Timestamp> {
        let state = &self.streams.keys.state;
        self.streams.time(&self.streams.info(state).await?, state).await
    }
}
