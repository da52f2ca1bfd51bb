//! A cache of the revisions and digests of the records that a handle writes and renews,
//! which saves reads.
//!
//! A put may use a cached revision that is out of date, since the server then refuses the write. A
//! renewal requires a session that is certain to exist. A cached entry is certain once a watch of
//! the same handle has read everything that was stored before the renewal. A handle without a watch
//! reads the records.
//!
//! The cache holds only sessions that this process writes or renews, at most [`ENTRIES`] of some
//! 130 bytes each. When it is full, it is emptied, which costs one read for each session.

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use presence_core::store::{Declared, Departure, Placement, Session};
use presence_core::{SessionId, SessionKey, Timestamp, UserId};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The maximum number of cached sessions.
const ENTRIES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct RevisionCache {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    entries: HashMap<u64, Entry, foldhash::fast::RandomState>,
    /// The number of watches so far.
    generation: u32,
    /// The position of the latest watch: the incarnation of the stream, and the sequence.
    read: Option<watch::Receiver<(Arc<str>, u64)>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    revision: u64,
    /// The number of the watch that has kept this entry up to date since its revision.
    generation: u32,
    /// The number of the watch that was running when the entry was last reserved.
    reserved: u32,
    /// A digest of the record; `None` while the record is being read or written.
    digest: Option<RecordDigest>,
}

/// The parts of a record that are needed to decide whether another state of the
/// session contains it.
#[derive(Debug, Clone, Copy)]
struct RecordDigest {
    placed_at: Timestamp,
    left: Option<Departure>,
    placement: u64,
    /// A hash of the declared status, zero if none is declared.
    declared: u64,
    declared_at: Timestamp,
    seen_at: Timestamp,
    active_at: Timestamp,
    lease: Duration,
    /// Whether the record repeats a deletion, which the next write must repeat as well.
    repeats_deletion: bool,
}

/// The state of a record that was read or written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum State<'a> {
    Existing { session: &'a Session, repeats_deletion: bool },
    Gone,
}

/// The properties of an existing session that a renewal needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Existing {
    pub(crate) revision: u64,
    pub(crate) has_left: bool,
    pub(crate) lease: Duration,
    /// The last heartbeat in the record, without renewals.
    pub(crate) seen_at: Timestamp,
}

/// The registration of a watch, which keeps the entries up to date until it is dropped.
#[derive(Debug)]
pub(crate) struct WatchRegistration {
    generation: u32,
    read: watch::Sender<(Arc<str>, u64)>,
}

impl WatchRegistration {
    /// Records that the watch has read everything up to this sequence.
    pub(crate) fn has_read(&self, created: &Arc<str>, seq: u64) {
        self.read.send_replace((Arc::clone(created), seq));
    }
}

impl RevisionCache {
    fn hash(&self, user: &UserId, id: &SessionId) -> u64 {
        self.hasher.hash_one((user.as_str(), id.as_str()))
    }

    fn hash_of(&self, part: &impl Hash) -> u64 {
        // Zero is reserved for an absent part.
        self.hasher.hash_one(part).max(1)
    }

    fn digest(&self, session: &Session, repeats_deletion: bool) -> RecordDigest {
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
            repeats_deletion,
        }
    }

    /// Creates entries for these sessions, which a watch then updates. Call this before their
    /// records are read or written.
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

    /// Records the state of a record at a revision, after it was read or written.
    pub(crate) fn fill(&self, user: &UserId, id: &SessionId, revision: u64, state: State<'_>) {
        self.enter(self.hash(user, id), revision, state, None);
    }

    /// Records the state of a record that a watch has read.
    pub(crate) fn record_read(
        &self,
        registration: &WatchRegistration,
        key: &SessionKey,
        revision: u64,
        state: State<'_>,
    ) {
        self.enter(self.hash(&key.user, &key.id), revision, state, Some(registration.generation));
    }

    fn enter(&self, hash: u64, revision: u64, content: State<'_>, generation: Option<u32>) {
        let mut state = self.memory.lock();
        let current = state.generation;
        if generation.is_some_and(|generation| generation != current) {
            return;
        }
        // Only sessions that this process writes or renews have entries.
        let Some(entry) = state.entries.get_mut(&hash) else { return };
        if revision < entry.revision {
            return;
        }
        let State::Existing { session, repeats_deletion } = content else {
            state.entries.remove(&hash);
            return;
        };
        entry.generation = generation.unwrap_or(entry.reserved);
        // A watch also reads what this process has written.
        if revision > entry.revision || entry.digest.is_none() {
            entry.revision = revision;
            entry.digest = Some(self.digest(session, repeats_deletion));
        }
    }

    /// Advances the times of a session to those of its cached record. Returns the revision whose
    /// content the session then contains: zero if no record is cached, `None` if the record may
    /// hold something that the session lacks.
    pub(crate) fn contained(&self, session: &mut Session) -> Option<u64> {
        let entry = self.memory.lock().entries.get(&self.hash(&session.user, &session.id)).copied();
        let Some(Entry { revision, digest: Some(digest), .. }) = entry else { return Some(0) };
        if digest.repeats_deletion {
            return None;
        }
        let placement = &session.placement;
        let is_placed = (placement.placed_at, placement.left) > (digest.placed_at, digest.left)
            || self.hash_of(placement) == digest.placement;
        let declared = session.declared.as_ref();
        let is_declared = digest.declared == 0
            || declared.is_some_and(|declared| {
                declared.at > digest.declared_at || self.hash_of(declared) == digest.declared
            });
        (is_placed && is_declared).then(|| {
            session.touch(digest.seen_at, digest.active_at);
            revision
        })
    }

    /// Whether a watch is running.
    pub(crate) fn is_watched(&self) -> bool {
        self.memory.lock().read.as_ref().is_some_and(|read| read.has_changed().is_ok())
    }

    /// Waits for the watch to have read everything up to this sequence, and returns its number.
    /// `None` if there is no watch, or if it does not reach the sequence in time.
    pub(crate) async fn watched(&self, created: &str, seq: u64, within: Duration) -> Option<u32> {
        let (generation, mut read) = {
            let state = self.memory.lock();
            (state.generation, state.read.clone()?)
        };
        let is_there = read.wait_for(|(incarnation, read)| **incarnation == *created && *read >= seq);
        let is_there = tokio::time::timeout(within, is_there).await;
        is_there.is_ok_and(|is_there| is_there.is_ok()).then_some(generation)
    }

    /// The cached session, as of the position that this watch has read up to; `None` if there is no
    /// entry, or if it is not certain.
    pub(crate) fn existing(&self, watched: Option<u32>, user: &UserId, id: &SessionId) -> Option<Existing> {
        let entry = self.memory.lock().entries.get(&self.hash(user, id)).copied()?;
        let digest = entry.digest.filter(|_| watched == Some(entry.generation))?;
        let RecordDigest { left, lease, seen_at, .. } = digest;
        Some(Existing { revision: entry.revision, has_left: left.is_some(), lease, seen_at })
    }

    /// Registers a new watch. Entries that it does not confirm are no longer certain.
    pub(crate) fn register_watch(&self) -> WatchRegistration {
        let (read, reader) = watch::channel((Arc::from(""), 0));
        let mut state = self.memory.lock();
        state.generation = state.generation.wrapping_add(1);
        state.read = Some(reader);
        WatchRegistration { generation: state.generation, read }
    }
}

#[cfg(test)]
mod tests;
