//! The published state of a watched scope, and the log of diffs that led to it.

use crate::model::UserId;
use crate::roster::readers::diff::{Diff, LeftReason, Snapshot, Version, session_events};
use crate::roster::readers::member::{Counts, Member};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The most diffs, and the most changes in them in total, that are kept for readers who lag or
/// reconnect. Readers who are further behind get a snapshot.
const LOG_DIFFS: usize = 256;
const LOG_ENTRIES: usize = 16_384;

/// The state that was published to readers.
pub(super) struct Published {
    members: BTreeMap<UserId, Arc<Member>>,
    /// The counts of this version, to compare with those that a reader has been given. The counts
    /// of [`ScopeState`](super::scope_state::ScopeState) cannot be used: they may be newer than
    /// this version, and do not exist for a set of users.
    pub counts: Counts,
    pub version: Version,
    /// The version that `log` starts from.
    logged_from: u64,
    log: VecDeque<Arc<Diff>>,
    logged: usize,
    /// Built for the first reader who needs it, and shared until the next change.
    snapshot: Option<Arc<Snapshot>>,
}

impl Published {
    pub fn new(version: Version) -> Self {
        Self {
            members: BTreeMap::new(),
            counts: Counts::default(),
            version,
            logged_from: version.n,
            log: VecDeque::new(),
            logged: 0,
            snapshot: None,
        }
    }

    /// Makes the present state the first one that readers see, with version `n`.
    pub fn start_log(&mut self, n: u64) {
        self.log.clear();
        self.version.n = n;
        (self.logged, self.logged_from, self.snapshot) = (0, n, None);
    }

    /// Adds or replaces a member.
    pub fn put(&mut self, member: Member) {
        let (user, now) = (member.user.clone(), Some(member.liveness));
        let before = self.members.insert(user, Arc::new(member));
        self.counts = self.counts.step(before.map(|member| member.liveness), now);
    }

    pub fn compare(&mut self, user: &UserId, now: Option<Member>, reason: LeftReason, diff: &mut Diff) {
        let before = self.members.get(user);
        if before.map(AsRef::as_ref) == now.as_ref() {
            return;
        }
        self.counts = self.counts.step(before.map(|m| m.liveness), now.as_ref().map(|m| m.liveness));
        session_events(user, before.map(AsRef::as_ref), now.as_ref(), reason, &mut diff.sessions);
        if let Some(member) = now.map(Arc::new) {
            let list = if before.is_some() { &mut diff.changed } else { &mut diff.joined };
            list.push(Arc::clone(&member));
            self.members.insert(user.clone(), member);
        } else {
            diff.left.push((user.clone(), reason));
            self.members.remove(user);
        }
        self.snapshot = None;
    }

    pub fn record(&mut self, diff: Diff) {
        self.snapshot = None;
        self.logged += diff.entries();
        self.log.push_back(Arc::new(diff));
        while self.log.len() > LOG_DIFFS || (self.logged > LOG_ENTRIES && !self.log.is_empty()) {
            if let Some(oldest) = self.log.pop_front() {
                self.logged -= oldest.entries();
                self.logged_from = oldest.to.n;
            }
        }
    }

    /// The changes since `at`; `None` if the log does not reach back so far.
    pub fn since(&self, at: Version) -> Option<Arc<Diff>> {
        if at.incarnation != self.version.incarnation || at.n < self.logged_from || at.n > self.version.n {
            return None;
        }
        let newer = self.log.partition_point(|diff| diff.from.n < at.n);
        let diffs = self.log.range(newer..);
        match (diffs.len(), self.log.get(newer)) {
            (_, Some(first)) if first.from != at => None,
            (1, Some(only)) => Some(Arc::clone(only)),
            (0, _) => None,
            _ => Some(Arc::new(Diff::joined(diffs.map(AsRef::as_ref)))),
        }
    }

    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        let (version, members) = (self.version, &self.members);
        let make = || Arc::new(Snapshot { version, members: members.clone() });
        Arc::clone(self.snapshot.get_or_insert_with(make))
    }
}
