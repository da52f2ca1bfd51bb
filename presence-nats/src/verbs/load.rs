//! `load`: reads the sessions and the records of users (clauses L1, N2, U2).

use crate::codec::Record;
use crate::error::{Failure, Outcome, corrupt};
use crate::jetstream::streams::Traits;
use crate::store::Shared;
use presence_core::store::{Facts, Result};
use presence_core::{Timestamp, UserId};
use std::collections::BTreeSet;

impl Shared {
    /// Reads users, each of whom is named once (as [`Coalesce`](presence_core::store::Coalesce)
    /// does, which also puts the answer into the order of its callers).
    pub(crate) async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.streams.with(|traits| self.load_once(traits, users)).await
    }

    async fn load_once(&self, traits: Traits, users: &[UserId]) -> Outcome<Facts> {
        let (mut sessions, mut records) = (Vec::new(), Vec::new());
        for raw in self.streams.of_users(traits, users).await? {
            match raw.read(&self.streams.keys) {
                Record::Session(session) => sessions.push(session),
                Record::User(record) => records.push(record),
                Record::Unreadable => {
                    return Err(Failure::Other(corrupt("a record of one of these users cannot be read")));
                }
                Record::Gone(_) | Record::Node(_) | Record::Foreign => {}
            }
        }
        // A record without a heartbeat has no renewals (`touch`).
        if sessions.iter().any(|session| session.seen_at > Timestamp::ZERO) {
            self.beats.catch_up().await?;
            let renewed = sessions.iter_mut().filter(|session| session.seen_at > Timestamp::ZERO);
            renewed.for_each(|session| self.beats.renew(session));
        }
        sessions.sort_unstable_by(|one, other| (&one.user, &one.id).cmp(&(&other.user, &other.id)));
        let held = sessions.iter().filter(|session| session.placement.held);
        let holding: BTreeSet<_> = held.map(|session| &session.placement.node).collect();
        let subjects = holding.into_iter().map(|id| self.streams.keys.node(id)).collect();
        let mut nodes = self.read_nodes(traits, subjects).await?;
        nodes.sort_unstable();
        Ok(Facts { sessions, nodes, users: records })
    }
}
