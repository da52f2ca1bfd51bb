//! `load`: reads the sessions and the records of users (clauses L1, N2, U2).

use crate::codec::Record;
use crate::error::{Failure, Outcome, corrupt};
use crate::jetstream::streams::Traits;
use crate::store::Shared;
use presence_core::store::{Facts, Result, Session, UserRecord};
use presence_core::{Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet};

impl Shared {
    pub(crate) async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.streams.with(|traits| self.load_once(traits, users)).await
    }

    async fn load_once(&self, traits: Traits, users: &[UserId]) -> Outcome<Facts> {
        let each: BTreeSet<&UserId> = users.iter().collect();
        let each: Vec<&UserId> = each.into_iter().collect();
        let keys = &self.streams.keys;
        let mut of_users: BTreeMap<UserId, Vec<Session>> = BTreeMap::new();
        let mut records: BTreeMap<UserId, UserRecord> = BTreeMap::new();
        for raw in self.streams.of_users(traits, &each).await? {
            match raw.read(keys) {
                Record::Session(session) => of_users.entry(session.user.clone()).or_default().push(session),
                Record::User(record) => _ = records.insert(record.user.clone(), record),
                Record::Unreadable => {
                    return Err(Failure::Other(corrupt("a record of one of these users cannot be read")));
                }
                Record::Gone(_) | Record::Node(_) | Record::Foreign => {}
            }
        }
        // A record without a heartbeat has no renewals (`touch`).
        let mut renewed: Vec<&mut Session> =
            of_users.values_mut().flatten().filter(|session| session.seen_at > Timestamp::ZERO).collect();
        if !renewed.is_empty() {
            self.beats.catch_up().await?;
            renewed.iter_mut().for_each(|session| self.beats.renew(session));
        }
        for sessions in of_users.values_mut() {
            sessions.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        }
        let sessions: Vec<Session> = users
            .iter()
            .filter_map(|user| of_users.get(user))
            .flat_map(|sessions| sessions.iter().cloned())
            .collect();
        let holding: BTreeSet<_> = sessions
            .iter()
            .filter(|session| session.placement.held)
            .map(|session| &session.placement.node)
            .collect();
        let subjects = holding.into_iter().map(|id| self.streams.keys.node(id)).collect();
        let mut nodes = self.read_nodes(traits, subjects).await?;
        nodes.sort_unstable();
        // Each record once, even if a user is repeated.
        let records = users.iter().filter_map(|user| records.remove(user)).collect();
        Ok(Facts { sessions, nodes, users: records })
    }
}
