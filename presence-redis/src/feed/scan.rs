//! Reads the content of a shard in slices.

use super::follow::{Follower, Stop};
use crate::codec;
use crate::error::unexpected;
use crate::keys::SEPARATOR;
use crate::wire::link::backoff;
use crate::wire::reply::{list, pairs, text, tuple};
use crate::wire::script::{RECORDS, SCAN, Script};
use presence_core::NodeId;
use presence_core::store::{BATCH_ENTRIES, Facts, FeedEvent, Session};
use redis::{Cmd, Value};
use std::sync::Arc;
use tokio::task::yield_now;
use tokio::time::sleep;

/// The number of entries in a slice: about a millisecond of the server's time.
const SLICE: usize = 500;

impl Follower {
    /// Reports the whole content of the shard.
    ///
    /// Each slice is requested when the one before has arrived. However many processes read at
    /// once, the server has one short call of each in its queue, and serves heartbeats in between.
    /// The shards of a process take turns, so that messages do not accumulate for any of them. A
    /// slow reader does not delay other readers.
    ///
    /// A slice has the number of the last message that it includes, and is delivered after that
    /// message, so that the reader sees one order of events. If the slice were reported first, the
    /// messages would undo it: an old put would bring back a session that a later
    /// forget had deleted.
    pub async fn scan(&mut self) -> Result<(), Stop> {
        let mut cursor = "0".to_owned();
        let mut unreadable = 0;
        loop {
            let mut call = self.inner.one(&SCAN, self.shard);
            call.arg(&cursor).arg(SLICE);
            let slice = self.slice(&SCAN, &call).await?;
            let [includes, next, sessions, placements, nodes] = tuple(slice, "a slice of a shard")?;
            let includes = text(&includes).and_then(|text| text.parse().ok());
            self.catch_up(includes.ok_or_else(|| unexpected("the number of a message"))?).await?;
            let (sessions, placements) = (list(sessions, "sessions")?, list(placements, "placements")?);
            let (facts, invalid) = read(&sessions, &placements, &list(nodes, "nodes")?);
            unreadable += invalid;
            self.send_facts(facts).await;
            text(&next).ok_or_else(|| unexpected("a cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                break;
            }
        }
        self.scan_records(unreadable).await
    }

    /// Reports the user records of the shard, in the same way, and then logs unreadable entries.
    async fn scan_records(&mut self, mut unreadable: usize) -> Result<(), Stop> {
        let mut cursor = "0".to_owned();
        loop {
            let mut call = self.inner.one(&RECORDS, self.shard);
            call.arg(&cursor).arg(SLICE);
            let [includes, next, records] = tuple(self.slice(&RECORDS, &call).await?, "a slice of records")?;
            let includes = text(&includes).and_then(|text| text.parse().ok());
            self.catch_up(includes.ok_or_else(|| unexpected("the number of a message"))?).await?;
            let records = list(records, "records of users")?;
            let read =
                pairs(&records).map(|pair| pair.and_then(|(user, it)| codec::user_record_of(user, it)));
            let read: Vec<_> = read.collect();
            unreadable += read.iter().filter(|entry| entry.is_none()).count();
            let users: Vec<_> = read.into_iter().flatten().collect();
            // In batches, since a slice of a small hash is the whole hash, whatever the requested
            // size.
            for users in users.chunks(BATCH_ENTRIES) {
                let users = users.to_vec();
                self.send(FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() }))).await;
            }
            text(&next).ok_or_else(|| unexpected("a cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                self.report(unreadable);
                return Ok(());
            }
        }
    }

    /// Requests a slice until it arrives. A late answer is valid too, since the slice has the
    /// number of the last message that it includes.
    async fn slice(&mut self, script: &Script, call: &Cmd) -> Result<Value, Stop> {
        let inner = Arc::clone(&self.inner);
        let mut failures = 0;
        loop {
            let answer = {
                // The semaphore is never closed, so this cannot fail.
                let _turn = inner.scans.acquire().await;
                self.call(script, call).await
            };
            match answer {
                Ok(slice) => {
                    // The follower whose turn is next sends its request first, so that the server
                    // works while this slice is decoded, on a runtime with one thread too.
                    yield_now().await;
                    return Ok(slice);
                }
                Err(error) => self.endure(&error).map_err(Stop::Ended)?,
            }
            sleep(backoff(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Reports nodes first, since held sessions are judged by them. Then reports sessions in
    /// batches, since a slice of a small hash is the whole hash, whatever the requested size.
    async fn send_facts(&mut self, Facts { mut sessions, nodes, .. }: Facts) {
        if !nodes.is_empty() {
            self.send(FeedEvent::Facts(Arc::new(Facts { nodes, ..Facts::default() }))).await;
        }
        while !sessions.is_empty() {
            let rest = sessions.split_off(sessions.len().min(BATCH_ENTRIES));
            self.send(FeedEvent::Facts(Arc::new(Facts { sessions, ..Facts::default() }))).await;
            sessions = rest;
        }
    }

    /// Logs and counts entries that this crate did not write.
    pub fn report(&self, unreadable: usize) {
        if unreadable > 0 {
            let key = &self.inner.keys[usize::from(self.shard)].channel;
            metrics::counter!("presence_redis_unreadable_total").increment(unreadable as u64);
            tracing::error!(
                key,
                unreadable,
                "entries under keys of this namespace cannot be decoded and are skipped"
            );
        }
    }
}

/// Decodes a slice; also returns the number of entries that could not be decoded.
fn read(sessions: &[Value], placements: &[Value], nodes: &[Value]) -> (Facts, usize) {
    // Fields that begin with the separator hold properties of the shard.
    let own = |field: &str| field.starts_with(SEPARATOR);
    let sessions = pairs(sessions).zip(placements);
    let sessions = sessions.filter(|(pair, _)| !pair.is_some_and(|(field, _)| own(field)));
    let session = |(field, times), rest| codec::stored(field, times, text(rest)?);
    let sessions: Vec<Option<Session>> =
        sessions.map(|(pair, rest)| pair.and_then(|pair| session(pair, rest))).collect();
    let node = |(id, beat)| codec::node(NodeId::new(id).ok()?, beat);
    let nodes: Vec<_> = pairs(nodes).map(|pair| pair.and_then(node)).collect();
    let unreadable = sessions.iter().filter(|entry| entry.is_none()).count()
        + nodes.iter().filter(|entry| entry.is_none()).count();
    let facts = Facts {
        sessions: sessions.into_iter().flatten().collect(),
        nodes: nodes.into_iter().flatten().collect(),
        users: Vec::new(),
    };
    (facts, unreadable)
}
