//! The contract as code: the effect of puts, touches and forgets in its simplest form.

use crate::model::{Node, NodeId, Session, SessionKey, UserId, UserRecord};
use crate::store::{Facts, FeedEvent, ForgetIf, Touch};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Sessions, nodes and user records, and the effect of each method of the contract on them.
///
/// The same rules hold for the state of a [`ReferenceStore`](super::ReferenceStore), for the view
/// of a reader of a watch, and for the model with which the suite compares stores. This type is
/// used for all three.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// The sessions.
    pub sessions: BTreeMap<SessionKey, Session>,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Records of users, which are kept after their sessions are forgotten.
    pub users: BTreeMap<UserId, UserRecord>,
}

impl Reference {
    /// P1–P3: merges a session.
    pub fn put(&mut self, session: &Session) {
        match self.sessions.entry(session.key()) {
            Entry::Vacant(entry) => {
                entry.insert(session.clone());
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().merge(session);
            }
        }
    }

    /// T1, T2, N1: moves times forward; returns the session's key if it is missing or has departed.
    ///
    /// The times of a departed session move as well: otherwise touch and put would not commute.
    pub fn touch(&mut self, touch: &Touch) -> Option<SessionKey> {
        match touch {
            Touch::Node { node, seen_at, drain_for } => {
                self.put_node(&Node { id: node.clone(), seen_at: *seen_at, drain_for: *drain_for });
                None
            }
            Touch::Session { user, id, seen_at, active_at } => {
                let key = SessionKey { user: user.clone(), id: id.clone() };
                let Some(session) = self.sessions.get_mut(&key) else { return Some(key) };
                session.touch(*seen_at, *active_at);
                session.placement.left.map(|_| key)
            }
        }
    }

    /// N1: the greater rank wins.
    pub fn put_node(&mut self, node: &Node) {
        let known = self.nodes.entry(node.id.clone()).or_insert_with(|| node.clone());
        if node.rank() > known.rank() {
            *known = node.clone();
        }
    }

    /// U1: merges a record.
    pub fn remember(&mut self, record: &UserRecord) {
        let known = self.users.entry(record.user.clone());
        known.or_insert_with(|| UserRecord::new(record.user.clone())).merge(record);
    }

    /// F1, U3: drops a record if it has not changed since; returns whether it did.
    pub fn forget(&mut self, seen: &ForgetIf) -> bool {
        match seen {
            ForgetIf::Node { node, seen_at } => {
                let forgets = self.nodes.get(node).is_some_and(|known| known.seen_at <= *seen_at);
                forgets && self.nodes.remove(node).is_some()
            }
            ForgetIf::User(record) => {
                let forgets = self.users.get(&record.user).is_some_and(|known| record.covers(known));
                forgets && self.users.remove(&record.user).is_some()
            }
            ForgetIf::Session { key, seen_at, placed_at } => {
                let forgets = self.sessions.get(key).is_some_and(|known| {
                    // Heartbeats of the node do not count for a session that has left.
                    let node = self.node_of(known).filter(|_| known.placement.left.is_none());
                    let node = node.map(|node| node.seen_at).unwrap_or_default();
                    known.seen_at.max(node) <= *seen_at && known.placement.placed_at <= *placed_at
                });
                forgets && self.sessions.remove(key).is_some()
            }
        }
    }

    /// L1, N2, U2: the sessions of users in request order, the nodes that hold them, and
    /// the users' records.
    pub fn load(&self, users: &[UserId]) -> Facts {
        let sessions =
            users.iter().flat_map(|user| self.sessions.values().filter(|known| known.user == *user));
        let mut asked = BTreeSet::new();
        let records = users.iter().filter(|user| asked.insert(*user)).filter_map(|user| self.users.get(user));
        Facts { users: records.cloned().collect(), ..self.facts(sessions.cloned().collect()) }
    }

    /// Everything.
    pub fn all(&self) -> Facts {
        Facts {
            sessions: self.sessions.values().cloned().collect(),
            nodes: self.nodes.values().cloned().collect(),
            users: self.users.values().cloned().collect(),
        }
    }

    /// W1, W2: applies an event of a watch.
    ///
    /// A forgotten session is dropped unless a later heartbeat or placement *of its own* is known.
    /// Heartbeats of its node do not count here: the store has considered them, and a later one may
    /// have arrived before the event.
    pub fn apply(&mut self, feed: &FeedEvent) {
        match feed {
            FeedEvent::Facts(facts) => {
                for node in &facts.nodes {
                    self.put_node(node);
                }
                for session in &facts.sessions {
                    self.put(session);
                }
                for record in &facts.users {
                    self.remember(record);
                }
            }
            FeedEvent::Touched(touches) => {
                for touch in touches.iter() {
                    self.touch(touch);
                }
            }
            FeedEvent::Forgotten(seen) => {
                for seen in seen.iter() {
                    self.apply_forgotten(seen);
                }
            }
            FeedEvent::Synced { .. }
            | FeedEvent::Alive { .. }
            | FeedEvent::Skipped { .. }
            | FeedEvent::Unproven { .. } => {}
        }
    }

    fn apply_forgotten(&mut self, seen: &ForgetIf) {
        if let ForgetIf::Session { key, seen_at, placed_at } = seen {
            let goes = |known: &Session| known.seen_at <= *seen_at && known.placement.placed_at <= *placed_at;
            if self.sessions.get(key).is_some_and(goes) {
                self.sessions.remove(key);
            }
        } else {
            self.forget(seen);
        }
    }

    /// The node that holds a session, if there is one and it is known.
    fn node_of(&self, session: &Session) -> Option<&Node> {
        let placement = &session.placement;
        self.nodes.get(&placement.node).filter(|_| placement.held)
    }

    /// These sessions and the nodes that hold them, each once.
    pub(crate) fn facts(&self, sessions: Vec<Session>) -> Facts {
        let nodes: BTreeMap<_, _> = sessions
            .iter()
            .filter_map(|session| self.node_of(session))
            .map(|node| (&node.id, node))
            .collect();
        let nodes = nodes.into_values().cloned().collect();
        Facts { sessions, nodes, users: Vec::new() }
    }
}
