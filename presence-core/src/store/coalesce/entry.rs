//! The entries that a lane batches: sessions to put, touches, and users to load.

use crate::model::{Node, NodeId, Session, SessionKey, UserId, UserRecord};
use crate::store::batch::Weigh;
use crate::store::{Facts, Misses, PresenceStore, Result, Touch};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// One entry of a batch.
#[async_trait]
pub(super) trait Entry: Weigh + Clone + Send + Sync + 'static {
    /// The answer for a caller.
    type Answer: Default + Send + 'static;
    /// The answer for a batch, in a form from which the answers for single callers are taken.
    type Shared: Send + Sync;

    /// Sends a batch to the store.
    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Self::Shared>;

    /// The part of a batch's answer that concerns these entries of the batch.
    fn own(entries: &[Self], shared: &Self::Shared) -> Self::Answer;

    /// Appends the answer for the next part of a caller's entries.
    fn append(answer: &mut Self::Answer, next: Self::Answer);
}

#[async_trait]
impl Entry for Session {
    type Answer = ();
    type Shared = ();

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<()> {
        store.put(batch).await
    }

    fn own(_: &[Self], (): &()) {}

    fn append((): &mut (), (): ()) {}
}

#[async_trait]
impl Entry for Touch {
    type Answer = Misses;
    type Shared = BTreeSet<SessionKey>;

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Self::Shared> {
        Ok(store.touch(batch).await?.into_iter().collect())
    }

    fn own(entries: &[Self], shared: &Self::Shared) -> Misses {
        if shared.is_empty() {
            return Misses::new();
        }
        entries.iter().filter_map(Self::key).filter(|key| shared.contains(key)).collect()
    }

    fn append(answer: &mut Misses, next: Misses) {
        answer.extend(next);
    }
}

/// The facts that a batch has loaded.
pub(super) struct Loaded {
    /// Sorted by user.
    sessions: Vec<Session>,
    nodes: BTreeMap<NodeId, Node>,
    records: BTreeMap<UserId, UserRecord>,
}

impl Loaded {
    fn sessions_of(&self, user: &UserId) -> &[Session] {
        let from = self.sessions.partition_point(|session| session.user < *user);
        let to = self.sessions.partition_point(|session| session.user <= *user);
        &self.sessions[from..to]
    }
}

#[async_trait]
impl Entry for UserId {
    type Answer = Facts;
    type Shared = Loaded;

    async fn send<S: PresenceStore>(batch: &[Self], store: &S) -> Result<Loaded> {
        // Each user once: if a call names a user twice, the store returns that user's sessions
        // twice.
        let users: BTreeSet<&Self> = batch.iter().collect();
        let users: Vec<Self> = users.into_iter().cloned().collect();
        let Facts { mut sessions, nodes, users: records } = store.load(&users).await?;
        // Keeps the order of each user's sessions.
        sessions.sort_by(|one, other| one.user.cmp(&other.user));
        let nodes = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let records = records.into_iter().map(|record| (record.user.clone(), record)).collect();
        Ok(Loaded { sessions, nodes, records })
    }

    fn own(entries: &[Self], shared: &Loaded) -> Facts {
        let each = entries.iter().flat_map(|user| shared.sessions_of(user));
        let sessions: Vec<Session> = each.cloned().collect();
        let held = sessions.iter().filter(|session| session.placement.held);
        let holding: BTreeSet<&NodeId> = held.map(|session| &session.placement.node).collect();
        let nodes = holding.into_iter().filter_map(|id| shared.nodes.get(id)).cloned().collect();
        let mut seen = BTreeSet::new();
        let each = entries.iter().filter(|user| seen.insert(*user));
        let users = each.filter_map(|user| shared.records.get(user)).cloned().collect();
        Facts { sessions, nodes, users }
    }

    fn append(answer: &mut Facts, next: Facts) {
        answer.sessions.extend(next.sessions);
        answer.nodes.extend(next.nodes);
        answer.users.extend(next.users);
    }
}
