//! The verbs of the store without shared batches: calls scripts with batches, and turns their
//! answers into facts.

use crate::batch;
use crate::codec;
use crate::error::unexpected;
use crate::feed;
use crate::keys::{self, Keys, shard_of};
use crate::wire::link::Link;
use crate::wire::reply::{list, pairs, text, tuple};
use crate::wire::script::{FORGET, Header, LOAD, NOW, PUT, REMEMBER, Script, TOUCH};
use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use presence_core::store::{
    Facts, FeedEvent, ForgetIf, Kind, Misses, Node, PresenceStore, Result, Session, Touch, UserRecord,
};
use presence_core::time::Reckoning;
use presence_core::{Clock, NodeId, SystemClock, Timestamp, UserId};
use redis::{Cmd, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// The store without [`Coalesce`](presence_core::store::Coalesce): each caller makes calls of its
/// own.
pub struct Direct(pub Arc<Inner>);

/// The state that calls and watches share.
pub struct Inner {
    pub link: Link,
    pub keys: Box<[Keys]>,
    pub header: Header,
    /// Whether a differing policy was logged.
    pub warned: AtomicBool,
    /// The time that this handle reckons by itself, which it passes to every proof of time.
    pub reckoning: Reckoning,
    /// One permit: a process reads slices of shards one at a time.
    pub scans: Semaphore,
}

impl Inner {
    /// Calls a script for these parts. Returns the answers, each with the number of shards
    /// that it covers.
    ///
    /// Every part is sent, whatever the result of the others: a shard that refuses a call does not
    /// affect the rest.
    async fn run(&self, script: &Script, parts: Vec<(u16, batch::Part)>) -> Result<Vec<(usize, Value)>> {
        let one_shard = self.link.source.is_cluster();
        let calls = batch::calls(script, &self.header, &self.keys, parts, one_shard);
        let answers = join_all(calls.into_iter().map(|(parts, call)| async move {
            let answer = self.link.call(script, &call).await;
            match answer {
                Err(error) if error.kind() == Kind::Corrupt && parts.len() > 1 => {
                    // The script stopped at a shard in which a key has the wrong type, and did not
                    // reach the shards after it. So each part is sent again in a call of its own.
                    let calls =
                        parts.chunks(1).map(|part| batch::call(script, &self.header, &self.keys, part));
                    for call in calls.collect::<Vec<_>>() {
                        let _ = self.link.call(script, &call).await;
                    }
                    Err(error)
                }
                answer => Ok((parts.len(), answer?)),
            }
        }));
        answers.await.into_iter().collect()
    }

    /// Begins a call that concerns one shard only.
    pub fn one(&self, script: &Script, shard: u16) -> Cmd {
        script.of(&self.header, std::iter::once(&self.keys[usize::from(shard)]))
    }

    /// The time of a shard.
    async fn now(&self, shard: u16) -> Result<Timestamp> {
        let mut call = self.one(&NOW, shard);
        call.arg(self.reckoning.now(SystemClock.now()).unwrap_or_default().as_millis());
        let answer = self.link.call(&NOW, &call).await?;
        let at = text(&answer).and_then(|text| text.parse().ok());
        at.map(Timestamp::from_millis).ok_or_else(|| unexpected("its time"))
    }
}

#[async_trait]
impl PresenceStore for Direct {
    fn shards(&self) -> u16 {
        self.0.header.shards()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        shard_of(user, self.shards())
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        self.0.run(&PUT, batch::puts(sessions, self.shards())).await.map(drop)
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        let mut misses = Misses::new();
        for (_, missed) in self.0.run(&TOUCH, batch::touches(touches, self.shards())).await? {
            for field in list(missed, "the sessions that were missed")? {
                let key = text(&field).and_then(keys::session_of);
                misses.push(key.ok_or_else(|| unexpected("the field of a session"))?);
            }
        }
        Ok(misses)
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        self.0.run(&REMEMBER, batch::records(users, self.shards())).await.map(drop)
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        self.0.run(&FORGET, batch::forgets(seen, self.shards())).await.map(drop)
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        let once: HashSet<&UserId> = users.iter().collect();
        let mut found: HashMap<UserId, Vec<Session>> = HashMap::new();
        let mut nodes: BTreeMap<NodeId, Node> = BTreeMap::new();
        let mut records: HashMap<UserId, UserRecord> = HashMap::new();
        for (shards, answer) in self.0.run(&LOAD, batch::loads(once.into_iter(), self.shards())).await? {
            for answer in list(answer, "the sessions of shards")?.into_iter().take(shards) {
                let [sessions, holding, kept] = tuple(answer, "sessions, their nodes and records")?;
                for pair in pairs(&list(kept, "records of users")?) {
                    let record = pair.and_then(|(user, record)| codec::user_record_of(user, record));
                    let record = record.ok_or_else(|| unexpected("a user's record of ours"))?;
                    records.insert(record.user.clone(), record);
                }
                for pair in pairs(&list(sessions, "sessions")?) {
                    let session = pair.and_then(|(field, record)| codec::session(field, record));
                    let session = session.ok_or_else(|| unexpected("a session of ours"))?;
                    found.entry(session.user.clone()).or_default().push(session);
                }
                for pair in pairs(&list(holding, "nodes")?) {
                    let node = pair.and_then(|(id, beat)| codec::node(NodeId::new(id).ok()?, beat));
                    let node = node.ok_or_else(|| unexpected("a node of ours"))?;
                    // Each shard has the last heartbeat that was written to it. The latest of them
                    // is returned.
                    let latest = nodes.entry(node.id.clone()).or_insert_with(|| node.clone());
                    if node.rank() > latest.rank() {
                        *latest = node;
                    }
                }
            }
        }
        for sessions in found.values_mut() {
            sessions.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        let sessions = users.iter().filter_map(|user| found.get(user)).flatten().cloned().collect();
        let users = users.iter().filter_map(|user| records.remove(user)).collect();
        Ok(Facts { sessions, nodes: nodes.into_values().collect(), users })
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        feed::watch(Arc::clone(&self.0))
    }

    /// The least of the times of all shards: the clocks of a cluster's masters may differ, and
    /// other processes do not follow one that is ahead. On one server the first shard is enough,
    /// since all shards have the same clock.
    async fn now(&self) -> Result<Timestamp> {
        let shards = if self.0.link.source.is_cluster() { self.shards() } else { 1 };
        let times = join_all((0..shards).map(|shard| self.0.now(shard))).await;
        let least = times.iter().filter_map(|time| time.as_ref().ok()).min().copied();
        least.map_or_else(|| times.into_iter().next().unwrap_or_else(|| Err(unexpected("its time"))), Ok)
    }
}
