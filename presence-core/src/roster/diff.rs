//! A scope's state at a version, and what changed since another.

use super::member::{Counts, Member, MemberSession};
use crate::liveness::Liveness;
use crate::model::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A point in the history of one roster, `<incarnation>-<n>`: comparable only within one incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Which roster: drawn when it starts.
    pub incarnation: u64,
    /// Which state of it; grows.
    pub n: u64,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.incarnation, self.n)
    }
}

/// The text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (incarnation, n) = text.split_once('-').ok_or(NotAVersion)?;
        if incarnation.len() != 16 || n.starts_with('+') || incarnation.starts_with('+') {
            return Err(NotAVersion);
        }
        Ok(Self {
            incarnation: u64::from_str_radix(incarnation, 16).map_err(|_| NotAVersion)?,
            n: n.parse().map_err(|_| NotAVersion)?,
        })
    }
}

/// The members of a scope at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which state this is.
    pub version: Version,
    /// Who is here, sorted by user.
    pub members: BTreeMap<UserId, Arc<Member>>,
}

impl Snapshot {
    /// How many are here.
    #[expect(clippy::cast_possible_truncation, reason = "a roster holds fewer than four billion users")]
    pub fn counts(&self) -> Counts {
        let active = self.members.values().filter(|m| m.liveness == Liveness::Active).count();
        Counts { online: self.members.len() as u32, active: active as u32 }
    }

    /// Becomes the later state that `diff` leads to.
    pub fn apply(&mut self, diff: &Diff) {
        for member in diff.joined.iter().chain(&diff.changed) {
            self.members.insert(member.user.clone(), Arc::clone(member));
        }
        for (user, _) in &diff.left {
            self.members.remove(user);
        }
        self.version = diff.to;
    }
}

/// Why a user or a session went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftReason {
    /// It left, moved elsewhere, or declared itself offline.
    Left,
    /// Nothing was heard of it for its lease.
    Lapsed,
}

/// What changed in a scope between two versions. Each user appears at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The state it starts from.
    pub from: Version,
    /// The state it leads to.
    pub to: Version,
    /// Who came.
    pub joined: Vec<Arc<Member>>,
    /// Who is here and shows otherwise than before.
    pub changed: Vec<Arc<Member>>,
    /// Who went.
    pub left: Vec<(UserId, LeftReason)>,
    /// What happened to single sessions; empty unless they were asked for.
    pub sessions: Vec<SessionEvent>,
}

/// What happened to one session, as a scope sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// It came.
    Joined(UserId, MemberSession),
    /// It shows otherwise than before.
    Changed(UserId, MemberSession),
    /// It went.
    Left(UserId, SessionId, LeftReason),
}

impl Diff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.changed.is_empty() && self.left.is_empty() && self.sessions.is_empty()
    }
}
