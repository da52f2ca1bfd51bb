//! Merging writes: a write is conditional on the record that it was merged with, and repeated until
//! it succeeds.

use crate::codec::{Forgotten, Record};
use crate::error::{Failure, Outcome, unavailable};
use crate::jetstream::streams::{Streams, Traits};
use crate::state::bucket::MARKS_FOR;
use bytes::Bytes;
use futures_util::future::join_all;
use presence_core::store::BATCH_ENTRIES;
use std::time::Duration;

/// How often a write is repeated after another process changed the record.
const ROUNDS: usize = 12;

/// A record that several processes may write, and whose states can be merged.
pub(crate) trait Register: Clone + Send + Sync {
    fn of(record: Record) -> Option<Self>;
    /// The record as it is stored.
    fn encode(&self) -> Bytes;
    /// Merges `other` into this; returns whether anything changed.
    fn absorb(&mut self, other: &Self) -> bool;
}

/// A value to be merged into its record.
#[derive(Debug)]
pub(crate) struct Write<T> {
    pub(crate) subject: String,
    pub(crate) value: T,
    /// The revision of the record whose content `value` already contains. Zero if there is no
    /// record, `None` if it must be read first.
    pub(crate) expected: Option<u64>,
    /// The deletion that the record follows, if it has to repeat one.
    pub(crate) forgotten: Option<Forgotten>,
}

/// A record after the merge.
#[derive(Debug)]
pub(crate) struct Merged<T> {
    pub(crate) value: T,
    pub(crate) revision: u64,
    pub(crate) forgotten: Option<Forgotten>,
    /// The subject and the bytes that were written; `None` if the record had everything already.
    pub(crate) written: Option<(String, Bytes)>,
}

impl Streams {
    /// Merges values into their records, all concurrently. Returns each record after the merge.
    pub(crate) async fn merge<T: Register>(
        &self,
        traits: Traits,
        mut writes: Vec<Write<T>>,
    ) -> Outcome<Vec<Merged<T>>> {
        let mut done = Vec::with_capacity(writes.len());
        for round in 0..ROUNDS {
            let mut refused: Vec<Write<T>> = Vec::new();
            while !writes.is_empty() {
                let part = writes.split_off(writes.len().saturating_sub(BATCH_ENTRIES));
                let sent = join_all(part.iter().map(|write| self.send(write))).await;
                for (write, sent) in part.into_iter().zip(sent) {
                    match sent? {
                        Some((revision, payload)) => {
                            let Write { subject, value, forgotten, .. } = write;
                            done.push(Merged {
                                value,
                                revision,
                                forgotten,
                                written: Some((subject, payload)),
                            });
                        }
                        None => refused.push(write),
                    }
                }
            }
            if refused.is_empty() {
                return Ok(done);
            }
            metrics::counter!("presence_nats_conflicts_total").increment(refused.len() as u64);
            if round > 2 {
                // A random pause, so that conflicting writers do not conflict again.
                tokio::time::sleep(Duration::from_millis(10).mul_f64(presence_core::random::fraction()))
                    .await;
            }
            let subjects = refused.iter().map(|write| write.subject.clone()).collect();
            let mut latest = self.latest(traits, subjects).await?;
            for write in refused {
                let found = latest.remove(&write.subject);
                let revision = found.as_ref().map_or(0, |raw| raw.seq);
                let forgotten = found.as_ref().and_then(|raw| raw.forgets(MARKS_FOR));
                let expected = Some(revision);
                match found.and_then(|raw| T::of(raw.read(&self.keys))) {
                    Some(mut value) => {
                        if value.absorb(&write.value) {
                            writes.push(Write { value, expected, forgotten, ..write });
                        } else {
                            done.push(Merged { value, revision, forgotten, written: None });
                        }
                    }
                    // There is no record, or it cannot be decoded: write the value alone.
                    None => writes.push(Write { expected, forgotten, ..write }),
                }
            }
        }
        Err(Failure::Other(unavailable("too many writers of one record at once")))
    }

    /// Writes a value if its record has not changed; returns the new revision and the bytes.
    async fn send<T: Register>(&self, write: &Write<T>) -> Outcome<Option<(u64, Bytes)>> {
        let Some(expected) = write.expected else { return Ok(None) };
        let payload = write.value.encode();
        let revision = self.write(&write.subject, expected, payload.clone(), write.forgotten).await?;
        Ok(revision.map(|revision| (revision, payload)))
    }
}
