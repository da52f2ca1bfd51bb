//! The time of the bucket: a record that all watches carry on, and whose writing proves that the
//! store takes writes.
//!
//! W3, W5, W6: the key `t` holds the [`TimeLine`]. A watch that has not heard of a new one for a
//! moment first has the stream of renewals take an empty batch, and then writes the record on
//! condition that it is still the one it knows. So a time that can be read was preceded by a write
//! in both places. One process writes for all.

use crate::codec::{Raw, encode};
use crate::error::Outcome;
use crate::store::Shared;
use presence_core::time::{Ask, Blind, TimeLine};
use presence_core::{Clock, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// How old the newest time is that a watch leaves as it is.
const SHARED_FOR: Duration = Duration::from_millis(300);

/// What stands in the record.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    at: Timestamp,
    born: Timestamp,
    blind: Vec<Blind>,
}

/// The record, as a watch knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    revision: u64,
    /// `None` if there is none, or none that can be read.
    time: Option<TimeLine>,
    /// When it was heard of as news.
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

    /// Takes a newer one.
    pub(crate) fn take(&mut self, other: &Self) {
        if other.revision > self.revision {
            self.clone_from(other);
        }
    }

    /// Whether it is new enough, and knows all that this handle could bring back to it.
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
    /// Has both streams take a write, unless that was done a moment ago; answers with the newest
    /// time that is known to be written.
    pub(crate) async fn prove(&self, known: &Line) -> Outcome<Line> {
        if known.suffices(&self.reckoning.ask(0, SystemClock.now())) {
            return Ok(known.clone());
        }
        self.beats.prove().await?;
        let streams = &self.streams;
        let ask = self.reckoning.ask(0, SystemClock.now());
        // The server's clock matters only to who has nothing else to go by.
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
            // Somebody else was faster: that is on its way.
            None => Ok(known.clone()),
        }
    }

    /// What time the next proof would tell.
    pub(crate) async fn now(&self) -> Outcome<Timestamp> {
        let (streams, subject) = (&self.streams, self.streams.keys.time());
        let kept = streams.leading(&subject).await?.and_then(|raw| Line::read(&raw, None).time);
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
