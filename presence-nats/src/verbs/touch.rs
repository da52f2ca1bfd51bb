//! `touch`: renews sessions and processes (clauses T1, T2, N1).

use crate::codec::{Beat, Record, encode};
use crate::error::{Failure, Outcome, unavailable};
use crate::jetstream::streams::Traits;
use crate::state::bucket::MARKS_FOR;
use crate::state::merge::{Merged, Register, Write};
use crate::state::revision_cache::{Existing, State};
use crate::store::Shared;
use bytes::Bytes;
use futures_util::future::{join_all, try_join};
use parking_lot::Mutex;
use presence_core::store::{Misses, Node, Result, Session, Touch};
use presence_core::{NodeId, SessionId, SessionKey, Timestamp, UserId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long a renewal waits for the watch of its handle before it reads the records instead.
const WATCH_LATE_AFTER: Duration = Duration::from_millis(100);
/// The maximum number of cached process records. As a rule, one process sends its heartbeats
/// through a handle.
const NODES: usize = 256;
/// How often the renewal of a long lease is repeated after another process changed the record.
const ROUNDS: usize = 12;

/// The records of the processes that send their heartbeats through this handle,
/// with their revisions.
pub(crate) type Nodes = Mutex<HashMap<NodeId, (Node, u64)>>;

impl Register for Node {
    fn of(record: Record) -> Option<Self> {
        match record {
            Record::Node(node) => Some(node),
            _ => None,
        }
    }

    fn encode(&self) -> Bytes {
        encode(self)
    }

    fn absorb(&mut self, other: &Self) -> bool {
        let is_later = other.rank() > self.rank();
        if is_later {
            self.clone_from(other);
        }
        is_later
    }
}

/// The renewals of a batch, each session once.
type Renewals<'a> = BTreeMap<(&'a UserId, &'a SessionId), (Timestamp, Timestamp)>;

impl Shared {
    pub(crate) async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        let (mut sessions, mut nodes) = (Renewals::new(), BTreeMap::<&NodeId, Node>::new());
        for touch in touches {
            match touch {
                Touch::Session { user, id, seen_at, active_at } => {
                    let known = sessions.entry((user, id)).or_default();
                    *known = (known.0.max(*seen_at), known.1.max(*active_at));
                }
                Touch::Node { node: id, seen_at, drain_for } => {
                    let node = Node { id: id.clone(), seen_at: *seen_at, drain_for: *drain_for };
                    nodes.entry(id).and_modify(|known| _ = known.absorb(&node)).or_insert(node);
                }
            }
        }
        let nodes: Vec<Node> = nodes.into_values().collect();
        let touch = |traits| try_join(self.renew(traits, &sessions), self.beat(traits, &nodes));
        let (misses, ()) = self.streams.with(touch).await?;
        Ok(misses)
    }

    /// Writes the heartbeats of processes to their records. They are few, and must still be found
    /// after the process has stopped, when a renewal would have expired.
    async fn beat(&self, traits: Traits, nodes: &[Node]) -> Outcome<()> {
        if nodes.is_empty() {
            return Ok(());
        }
        let write = |node: &Node| {
            let known = self.nodes.lock().get(&node.id).cloned();
            let (mut value, expected) = known.unwrap_or_else(|| (node.clone(), 0));
            value.absorb(node);
            let subject = self.streams.keys.node(&node.id);
            Write { subject, value, expected: Some(expected), forgotten: None }
        };
        let written = self.streams.merge(traits, nodes.iter().map(write).collect()).await?;
        let mut known = self.nodes.lock();
        if known.len() > NODES {
            known.clear();
        }
        let each =
            written.into_iter().map(|Merged { value, revision, .. }| (value.id.clone(), (value, revision)));
        known.extend(each);
        Ok(())
    }

    async fn renew(&self, traits: Traits, renewals: &Renewals<'_>) -> Outcome<Misses> {
        if renewals.is_empty() {
            return Ok(Misses::new());
        }
        let existing = self.existing(traits, renewals.keys().copied()).await?;
        let (mut misses, mut batch, mut records) = (Misses::new(), Vec::<Beat>::new(), Renewals::new());
        for ((user, id), (seen_at, active_at)) in renewals {
            let existing = existing.get(&(*user, *id));
            if existing.is_none_or(|existing| existing.has_left) {
                misses.push(SessionKey { user: (*user).clone(), id: (*id).clone() });
            }
            match existing {
                None => {}
                // A lease that is so long that the stream of renewals would expire the renewal before
                // the lease ends, or the first heartbeat of a session that only declared a status: a
                // read need not look for renewals of a record without a heartbeat.
                Some(existing)
                    if existing.lease + existing.lease / 4 > self.streams.beats_for()
                        || existing.seen_at == Timestamp::ZERO =>
                {
                    records.insert((user, id), (*seen_at, *active_at));
                }
                Some(existing) => {
                    batch.push(((*user).clone(), (*id).clone(), *seen_at, *active_at, existing.revision));
                }
            }
        }
        let (gone, ()) = try_join(self.renew_records(traits, records), self.beats.publish(&batch)).await?;
        misses.extend(gone);
        Ok(misses)
    }

    /// Finds which of these sessions exist, as of a moment after this call began.
    async fn existing<'a>(
        &self,
        traits: Traits,
        sessions: impl Iterator<Item = (&'a UserId, &'a SessionId)> + Clone,
    ) -> Outcome<HashMap<(&'a UserId, &'a SessionId), Existing>> {
        self.revisions.reserve(sessions.clone());
        let mut watched = None;
        if self.revisions.is_watched() {
            let info = self.streams.info(&self.streams.keys.state).await?;
            watched = self.revisions.watched(&info.created, info.state.last_seq, WATCH_LATE_AFTER).await;
        }
        let (mut existing, mut unknown) = (HashMap::new(), HashMap::new());
        for (user, id) in sessions {
            match self.revisions.existing(watched, user, id) {
                Some(known) => drop(existing.insert((user, id), known)),
                None => drop(unknown.insert(self.streams.keys.session(user, id), (user, id))),
            }
        }
        if unknown.is_empty() {
            return Ok(existing);
        }
        let mut latest = self.streams.latest(traits, unknown.keys().cloned().collect()).await?;
        for (subject, (user, id)) in unknown {
            let found = latest.remove(&subject);
            let revision = found.as_ref().map_or(0, |raw| raw.seq);
            let repeats_deletion = found.as_ref().is_some_and(|raw| raw.forgotten.is_some());
            let session = found.and_then(|raw| Session::of(raw.read(&self.streams.keys)));
            let exists = |session| State::Existing { session, repeats_deletion };
            self.revisions.fill(user, id, revision, session.as_ref().map_or(State::Gone, exists));
            if let Some(Session { placement, seen_at, .. }) = session {
                let (has_left, lease) = (placement.left.is_some(), placement.lease);
                existing.insert((user, id), Existing { revision, has_left, lease, seen_at });
            }
        }
        Ok(existing)
    }

    /// Renews sessions in their records, and creates none. Returns those that do not exist.
    async fn renew_records(&self, traits: Traits, mut renewals: Renewals<'_>) -> Outcome<Misses> {
        let mut misses = Misses::new();
        for _ in 0..ROUNDS {
            if renewals.is_empty() {
                return Ok(misses);
            }
            let subjects: HashMap<_, _> =
                renewals.keys().map(|key| (self.streams.keys.session(key.0, key.1), *key)).collect();
            let mut latest = self.streams.latest(traits, subjects.keys().cloned().collect()).await?;
            let mut writes = Vec::new();
            for (subject, key) in &subjects {
                let found = latest.remove(subject);
                let read = found.and_then(|raw| {
                    Some((raw.seq, raw.forgets(MARKS_FOR), Session::of(raw.read(&self.streams.keys))?))
                });
                let (seen_at, active_at) = renewals.get(key).copied().unwrap_or_default();
                match read {
                    None => {
                        misses.push(SessionKey { user: key.0.clone(), id: key.1.clone() });
                        renewals.remove(key);
                    }
                    Some((revision, forgotten, mut session)) => {
                        if session.touch(seen_at, active_at) {
                            writes.push((*key, subject, revision, forgotten, session));
                        } else {
                            renewals.remove(key);
                        }
                    }
                }
            }
            let sent = writes.iter().map(|(_, subject, revision, forgotten, session)| {
                self.streams.write(subject, *revision, encode(session), *forgotten)
            });
            let sent = join_all(sent).await;
            for ((key, _, _, forgotten, session), sent) in writes.iter().zip(sent) {
                if let Some(revision) = sent? {
                    let state = State::Existing { session, repeats_deletion: forgotten.is_some() };
                    self.revisions.fill(key.0, key.1, revision, state);
                    renewals.remove(key);
                }
            }
        }
        Err(Failure::Other(unavailable("too many writers of one record at once")))
    }
}
