//! Reading a shard as a whole, a slice at a time.

use super::follow::Follower;
use crate::answer::{list, pairs, text, tuple};
use crate::codec;
use crate::error::unexpected;
use crate::keys::SEPARATOR;
use presence_core::NodeId;
use presence_core::store::{BATCH_ENTRIES, Facts, Feed, Result};
use redis::{Value, cmd};
use std::sync::Arc;

/// How many entries the server is asked for at once: well below a millisecond of its time.
const SLICE: usize = 500;

impl Follower {
    /// Tells all that the shard holds.
    ///
    /// Slices are read one after the other, each asked for when the one before has arrived: however many processes read at
    /// once, the server has one short call of each to answer, and everybody's beats come in between. What changes
    /// meanwhile is announced, and waits in the inbox. A session may come twice; telling is idempotent.
    pub async fn scan(&mut self) -> Result<()> {
        let keys = self.inner.keys[usize::from(self.shard)].clone();
        // Nodes first: held sessions are judged by them. There are as many as processes.
        let nodes = self.send(cmd("HGETALL").arg(&keys.nodes)).await?;
        let nodes = list(nodes, "nodes")?;
        let mut unreadable = 0;
        let mut facts = Facts::default();
        for pair in pairs(&nodes) {
            match pair.and_then(|(id, beat)| codec::node(NodeId::new(id).ok()?, beat)) {
                Some(node) => facts.nodes.push(node),
                None => unreadable += 1,
            }
        }
        self.tell(Feed::Facts(Arc::new(facts))).await;

        let mut cursor = "0".to_owned();
        loop {
            let slice =
                self.send(cmd("HSCAN").arg(&keys.sessions).arg(&cursor).arg("COUNT").arg(SLICE)).await?;
            let [next, slice] = tuple::<2>(slice, "a slice of a hash")?;
            unreadable += self.tell_slice(&list(slice, "a slice of a hash")?).await;
            text(&next).ok_or_else(|| unexpected("a cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                break;
            }
        }
        self.report(unreadable);
        Ok(())
    }

    /// Tells a slice; answers how many of its entries are none of ours.
    async fn tell_slice(&self, slice: &[Value]) -> usize {
        let mut unreadable = 0;
        let mut sessions = Vec::new();
        for pair in pairs(slice) {
            match pair {
                // What the shard says of itself.
                Some((field, _)) if field.starts_with(SEPARATOR) => {}
                Some((field, record)) => match codec::session(field, record) {
                    Some(session) => sessions.push(session),
                    None => unreadable += 1,
                },
                None => unreadable += 1,
            }
        }
        // A small hash comes whole, whatever was asked for.
        while !sessions.is_empty() {
            let rest = sessions.split_off(sessions.len().min(BATCH_ENTRIES));
            self.tell(Feed::Facts(Arc::new(Facts { sessions, nodes: Vec::new() }))).await;
            sessions = rest;
        }
        unreadable
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
