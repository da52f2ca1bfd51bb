//! Reading a shard as a whole, a slice at a time.

use super::follow::{Follower, Stop};
use crate::codec;
use crate::error::unexpected;
use crate::keys::SEPARATOR;
use crate::wire::link::backoff;
use crate::wire::reply::{list, pairs, text, tuple};
use crate::wire::script::{RECORDS, SCAN, Script};
use presence_core::store::{BATCH_ENTRIES, Facts, FeedEvent};
use presence_core::{NodeId, Session};
use redis::{Cmd, Value};
use std::sync::Arc;
use tokio::time::sleep;

/// How many entries the server is asked for at once: about a millisecond of its time.
const SLICE: usize = 500;

impl Follower {
    /// Tells all that the shard holds.
    ///
    /// Slices are read one after the other, each asked for when the one before has arrived: however
    /// many processes read at once, the server has one short call of each to answer, and
    /// everybody's beats come in between. The shards take turns, so that nobody's messages pile up
    /// meanwhile, and nobody waits for a reader who does not read.
    ///
    /// A slice says which messages it includes, and is told after them: the reader sees one order
    /// of events. Told before them, it would be changed back: an old put would bring back what a
    /// forget between the two had taken away.
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
            let (facts, none_of_ours) = read(&sessions, &placements, &list(nodes, "nodes")?);
            unreadable += none_of_ours;
            self.tell_all(facts).await;
            text(&next).ok_or_else(|| unexpected("a cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                break;
            }
        }
        self.scan_records(unreadable).await
    }

    /// The same for the records of users.
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
            // A small hash comes whole, whatever was asked for.
            for users in users.chunks(BATCH_ENTRIES) {
                let users = users.to_vec();
                self.tell(FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() }))).await;
            }
            text(&next).ok_or_else(|| unexpected("a cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                self.report(unreadable);
                return Ok(());
            }
        }
    }

    /// Asks for a slice until it comes: a server that was busy has it later as well, and what it
    /// includes it says.
    async fn slice(&mut self, script: &Script, call: &Cmd) -> Result<Value, Stop> {
        let inner = Arc::clone(&self.inner);
        let mut failures = 0;
        loop {
            let told = {
                // The permit is there as long as the store is.
                let _turn = inner.scans.acquire().await;
                self.call(script, call).await
            };
            match told {
                Ok(slice) => return Ok(slice),
                Err(error) => self.endure(&error).map_err(Stop::Ended)?,
            }
            sleep(backoff(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Nodes first: held sessions are judged by them. A small hash comes whole, whatever was asked
    /// for.
    async fn tell_all(&mut self, Facts { mut sessions, nodes, .. }: Facts) {
        if !nodes.is_empty() {
            self.tell(FeedEvent::Facts(Arc::new(Facts { nodes, ..Facts::default() }))).await;
        }
        while !sessions.is_empty() {
            let rest = sessions.split_off(sessions.len().min(BATCH_ENTRIES));
            self.tell(FeedEvent::Facts(Arc::new(Facts { sessions, ..Facts::default() }))).await;
            sessions = rest;
        }
    }

    /// Tells an operator of what somebody else has written here.
    pub fn report(&self, unreadable: usize) {
        if unreadable > 0 {
            let key = &self.inner.keys[usize::from(self.shard)].channel;
            metrics::counter!("presence_redis_unreadable_total").increment(unreadable as u64);
            tracing::error!(key, unreadable, "entries under our keys are none of ours; they are passed over");
        }
    }
}

/// What a slice holds, and how many of its entries are none of ours.
fn read(sessions: &[Value], placements: &[Value], nodes: &[Value]) -> (Facts, usize) {
    // What begins with the separator the shard says of itself.
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
