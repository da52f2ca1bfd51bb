//! What a handle remembers of the records that it writes and renews, so that it need not read them.
//!
//! For a put it is a guess: the server refuses a wrong one. A renewal needs certainty that its
//! session is there; that is what a watch of the same handle gives, once it has read everything up
//! to the moment of asking. A handle that does not watch asks for the records themselves.
//!
//! Bounded by what this process writes and renews, and by [`ENTRIES`], some 130 bytes each: when it
//! is full it begins anew, at the price of one read for each session.

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use presence_core::{Declared, Departure, Placement, Session, SessionId, SessionKey, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many sessions are remembered at most.
const ENTRIES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Known {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    entries: HashMap<u64, Entry, foldhash::fast::RandomState>,
    /// Counts the watches.
    generation: u32,
    /// How far the latest watch is: which life of the stream, and up to which sequence.
    read: Option<watch::Receiver<(Arc<str>, u64)>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    revision: u64,
    /// The watch that has kept it right from its revision on.
    generation: u32,
    /// The watch that went on when it was last reserved.
    reserved: u32,
    /// What the record says; `None` while that is being found out.
    says: Option<RecordDigest>,
}

/// As much of a record as tells whether another state of the session has all that it has.
#[derive(Debug, Clone, Copy)]
struct RecordDigest {
    placed_at: Timestamp,
    left: Option<Departure>,
    placement: u64,
    /// Zero if nothing is declared.
    declared: u64,
    declared_at: Timestamp,
    seen_at: Timestamp,
    active_at: Timestamp,
    lease: Duration,
    /// Whether it tells of a deletion that it follows: what is written next must as well.
    tells_of_deletion: bool,
}

/// A record, as it was read or written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum State<'a> {
    There { session: &'a Session, tells_of_deletion: bool },
    Gone,
}

/// What a renewal needs to know of a session that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct There {
    pub(crate) revision: u64,
    pub(crate) has_left: bool,
    pub(crate) lease: Duration,
}

/// A watch that keeps entries right for as long as it lives.
#[derive(Debug)]
pub(crate) struct Feeding {
    generation: u32,
    read: watch::Sender<(Arc<str>, u64)>,
}

impl Feeding {
    /// The watch has read everything up to this sequence.
    pub(crate) fn has_read(&self, created: &Arc<str>, seq: u64) {
        self.read.send_replace((Arc::clone(created), seq));
    }
}

impl Known {
    fn hash(&self, user: &UserId, id: &SessionId) -> u64 {
        self.hasher.hash_one((user.as_str(), id.as_str()))
    }

    fn hash_of(&self, part: &impl Hash) -> u64 {
        // Zero stands for nothing.
        self.hasher.hash_one(part).max(1)
    }

    fn says(&self, session: &Session, tells_of_deletion: bool) -> RecordDigest {
        let Session { placement, declared, seen_at, active_at, .. } = session;
        let Placement { placed_at, left, lease, .. } = placement;
        RecordDigest {
            placed_at: *placed_at,
            left: *left,
            placement: self.hash_of(placement),
            declared: declared.as_ref().map_or(0, |declared| self.hash_of(declared)),
            declared_at: declared.as_ref().map_or(Timestamp::ZERO, |Declared { at, .. }| *at),
            seen_at: *seen_at,
            active_at: *active_at,
            lease: *lease,
            tells_of_deletion,
        }
    }

    /// From now on, what a watch reads of these sessions is not passed over. To be called before
    /// what is to be remembered is read or written.
    pub(crate) fn reserve<'a>(&self, sessions: impl Iterator<Item = (&'a UserId, &'a SessionId)>) {
        let mut state = self.memory.lock();
        let state = &mut *state;
        if state.entries.len() >= ENTRIES {
            state.entries.clear();
        }
        for (user, id) in sessions {
            state.entries.entry(self.hash(user, id)).or_default().reserved = state.generation;
        }
    }

    /// A record was read or written: this is what it is at that revision.
    pub(crate) fn fill(&self, user: &UserId, id: &SessionId, revision: u64, state: State<'_>) {
        self.enter(self.hash(user, id), revision, state, None);
    }

    /// A watch has read this of a record.
    pub(crate) fn hear(&self, feeding: &Feeding, key: &SessionKey, revision: u64, state: State<'_>) {
        self.enter(self.hash(&key.user, &key.id), revision, state, Some(feeding.generation));
    }

    fn enter(&self, hash: u64, revision: u64, says: State<'_>, generation: Option<u32>) {
        let mut state = self.memory.lock();
        let current = state.generation;
        if generation.is_some_and(|generation| generation != current) {
            return;
        }
        // Who is not here is not waited for: only what this process writes or renews is remembered.
        let Some(entry) = state.entries.get_mut(&hash) else { return };
        if revision < entry.revision {
            return;
        }
        let State::There { session, tells_of_deletion } = says else {
            state.entries.remove(&hash);
            return;
        };
        entry.revision = revision;
        entry.generation = generation.unwrap_or(entry.reserved);
        entry.says = Some(self.says(session, tells_of_deletion));
    }

    /// The revision that is merged into a session by moving its times, which is done; zero if none
    /// is known, `None` if the record may say more than this session does.
    pub(crate) fn contained(&self, session: &mut Session) -> Option<u64> {
        let entry = self.memory.lock().entries.get(&self.hash(&session.user, &session.id)).copied();
        let Some(Entry { revision, says: Some(says), .. }) = entry else { return Some(0) };
        if says.tells_of_deletion {
            return None;
        }
        let placement = &session.placement;
        let is_placed = (placement.placed_at, placement.left) > (says.placed_at, says.left)
            || self.hash_of(placement) == says.placement;
        let declared = session.declared.as_ref();
        let is_declared = says.declared == 0
            || declared.is_some_and(|declared| {
                declared.at > says.declared_at || self.hash_of(declared) == says.declared
            });
        (is_placed && is_declared).then(|| {
            session.touch(says.seen_at, says.active_at);
            revision
        })
    }

    /// Whether a watch goes on.
    pub(crate) fn is_watched(&self) -> bool {
        self.memory.lock().read.as_ref().is_some_and(|read| read.has_changed().is_ok())
    }

    /// The watch that has read everything up to this sequence, if there is one, and it gets there
    /// in time.
    pub(crate) async fn watched(&self, created: &str, seq: u64, within: Duration) -> Option<u32> {
        let (generation, mut read) = {
            let state = self.memory.lock();
            (state.generation, state.read.clone()?)
        };
        let is_there = read.wait_for(|(life, read)| **life == *created && *read >= seq);
        let is_there = tokio::time::timeout(within, is_there).await;
        is_there.is_ok_and(|is_there| is_there.is_ok()).then_some(generation)
    }

    /// What this watch says of a session, as of the moment that it has read up to; `None` if it
    /// does not know.
    pub(crate) fn there(&self, watched: Option<u32>, user: &UserId, id: &SessionId) -> Option<There> {
        let entry = self.memory.lock().entries.get(&self.hash(user, id)).copied()?;
        let says = entry.says.filter(|_| watched == Some(entry.generation))?;
        Some(There { revision: entry.revision, has_left: says.left.is_some(), lease: says.lease })
    }

    /// A watch begins: what it does not tell of is not certain any more.
    pub(crate) fn feed(&self) -> Feeding {
        let (read, reader) = watch::channel((Arc::from(""), 0));
        let mut state = self.memory.lock();
        state.generation = state.generation.wrapping_add(1);
        state.read = Some(reader);
        Feeding { generation: state.generation, read }
    }
}

#[cfg(test)]
mod tests;
