//! `forget`: deletes sessions, processes and user records that have not been seen since a time
//! (clauses F1, U3).
//!
//! A renewal that another process publishes during the deletion may be missed here. That process
//! reads the deletion in its watch, has a later heartbeat, and puts the session again.

use crate::codec::{Raw, Record};
use crate::error::{Failure, Outcome, unavailable};
use crate::jetstream::streams::Traits;
use crate::state::merge::Register;
use crate::state::revision_cache::State;
use crate::store::Shared;
use futures_util::future::join_all;
use presence_core::store::{BATCH_ENTRIES, ForgetIf, Node, Result, Session};
use presence_core::{NodeId, Timestamp};
use std::collections::HashMap;

/// How often a deletion is repeated after the record changed meanwhile.
const ROUNDS: usize = 12;

impl Shared {
    pub(crate) async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        for part in seen.chunks(BATCH_ENTRIES) {
            let seen: Vec<&ForgetIf> = part.iter().collect();
            self.streams.with(|traits| self.forget_once(traits, seen.clone())).await?;
        }
        Ok(())
    }

    async fn forget_once(&self, traits: Traits, mut seen: Vec<&ForgetIf>) -> Outcome<()> {
        if seen.iter().any(|seen| matches!(seen, ForgetIf::Session { .. })) {
            self.beats.catch_up().await?;
        }
        for _ in 0..ROUNDS {
            let subjects: Vec<String> = seen.iter().map(|seen| self.subject(seen)).collect();
            let latest = self.streams.latest(traits, subjects).await?;
            let keys = &self.streams.keys;
            let records: HashMap<&str, (u64, Record)> =
                latest.values().map(|raw: &Raw| (raw.subject.as_str(), (raw.seq, raw.read(keys)))).collect();
            let nodes = self.nodes_of(traits, records.values().map(|(_, record)| record)).await?;
            let mut deletions = Vec::new();
            for seen in seen {
                let subject = self.subject(seen);
                if let Some((revision, record)) = records.get(subject.as_str())
                    && self.may_be_deleted(seen, record, &nodes)
                {
                    deletions.push((seen, subject, *revision));
                }
            }
            let sent = deletions
                .iter()
                .map(|(seen, subject, revision)| self.streams.delete(traits, subject, *revision, seen));
            let sent = join_all(sent).await;
            seen = Vec::new();
            for ((one, ..), sent) in deletions.into_iter().zip(sent) {
                match (sent?, one) {
                    // Another process has written the record meanwhile: check it again.
                    (None, one) => seen.push(one),
                    (Some(revision), ForgetIf::Session { key, .. }) => {
                        self.revisions.fill(&key.user, &key.id, revision, State::Gone);
                    }
                    (Some(_), ForgetIf::User(_)) => {}
                    (Some(_), ForgetIf::Node { node, .. }) => drop(self.nodes.lock().remove(node)),
                }
            }
            if seen.is_empty() {
                return Ok(());
            }
        }
        Err(Failure::Other(unavailable("too many writers of one record at once")))
    }

    fn subject(&self, seen: &ForgetIf) -> String {
        match seen {
            ForgetIf::Session { key, .. } => self.streams.keys.session(&key.user, &key.id),
            ForgetIf::Node { node, .. } => self.streams.keys.node(node),
            ForgetIf::User(record) => self.streams.keys.user(&record.user),
        }
    }

    /// Whether the record has not been renewed since the time in `seen`, so that it may be deleted.
    /// For a held session that has not left, the heartbeats of its process count as well.
    fn may_be_deleted(&self, seen: &ForgetIf, record: &Record, nodes: &HashMap<NodeId, Node>) -> bool {
        match (seen, record) {
            (ForgetIf::User(known), Record::User(record)) => known.covers(record),
            (ForgetIf::Node { seen_at, .. }, Record::Node(node)) => node.seen_at <= *seen_at,
            (ForgetIf::Session { seen_at, placed_at, .. }, Record::Session(session)) => {
                let mut session = session.clone();
                self.beats.renew(&mut session);
                let node = holder(&session).and_then(|id| nodes.get(id));
                let by_node = node.map_or(Timestamp::ZERO, |node| node.seen_at);
                session.seen_at.max(by_node) <= *seen_at && session.placement.placed_at <= *placed_at
            }
            _ => false,
        }
    }

    /// Reads the processes that hold these sessions.
    async fn nodes_of(
        &self,
        traits: Traits,
        records: impl Iterator<Item = &Record>,
    ) -> Outcome<HashMap<NodeId, Node>> {
        let holders = records.filter_map(|record| match record {
            Record::Session(session) => holder(session),
            _ => None,
        });
        let subjects: Vec<String> = holders.map(|id| self.streams.keys.node(id)).collect();
        let nodes = self.read_nodes(traits, subjects).await?;
        Ok(nodes.into_iter().map(|node| (node.id.clone(), node)).collect())
    }

    pub(crate) async fn read_nodes(&self, traits: Traits, subjects: Vec<String>) -> Outcome<Vec<Node>> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let latest = self.streams.latest(traits, subjects).await?;
        Ok(latest.values().filter_map(|raw| Node::of(raw.read(&self.streams.keys))).collect())
    }
}

/// The process that holds a session; `None` once the session has left.
fn holder(session: &Session) -> Option<&NodeId> {
    let placement = &session.placement;
    (placement.held && placement.left.is_none()).then_some(&placement.node)
}
