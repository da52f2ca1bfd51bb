//! `load`: reads the sessions and the records of users (clauses L1, N2, U2).

use crate::codec::Record;
use crate::error::{Failure, Outcome, corrupt};
use crate::jetstream::streams::Traits;
use crate::store::Shared;
use futures_util::future::try_join3;
use presence_core::UserId;
use presence_core::store::{Facts, Result, Session, UserRecord};
use std::collections::{BTreeMap, BTreeSet};

impl Shared {
    pub(crate) async fn load(&self, users: &[UserId]) -> Result<Facts> {
        self.streams.with(|traits| self.load_once(traits, users)).await
    }

    async fn load_once(&self, traits: Traits, users: &[UserId]) -> Outcome<Facts> {
        let each: BTreeSet<&UserId> = users.iter().collect();
        let each: Vec<&UserId> = each.into_iter().collect();
        let keys = &self.streams.keys;
        let kept = each.iter().map(|user| keys.user(user)).collect();
        let (raws, mut kept, ()) = try_join3(
            self.streams.of_users(traits, &each),
            self.streams.latest(traits, kept),
            self.beats.catch_up(),
        )
        .await?;
        let mut of_users: BTreeMap<UserId, Vec<Session>> = BTreeMap::new();
        for raw in raws {
            match raw.read(keys) {
                Record::Session(mut session) => {
                    self.beats.renew(&mut session);
                    of_users.entry(session.user.clone()).or_default().push(session);
                }
                Record::Unreadable => {
                    return Err(Failure::Other(corrupt("a record of one of these users cannot be read")));
                }
                Record::Gone(_) | Record::Node(_) | Record::User(_) | Record::Foreign => {}
            }
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
        let mut records: Vec<UserRecord> = Vec::new();
        for user in users {
            // Each user once: a repeated id finds its record already taken.
            match kept.remove(&keys.user(user)).map(|raw| raw.read(keys)) {
                Some(Record::User(record)) => records.push(record),
                Some(Record::Unreadable) => {
                    return Err(Failure::Other(corrupt("a record of one of these users cannot be read")));
                }
                _ => {}
            }
        }
        Ok(Facts { sessions, nodes, users: records })
    }
}
