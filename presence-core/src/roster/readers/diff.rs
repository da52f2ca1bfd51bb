//! A scope's state at a version, and what changed since another.

use crate::liveness::Liveness;
use crate::model::{SessionId, UserId};
use crate::roster::readers::member::{Counts, Member, MemberSession};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A point in the history of one roster, `<incarnation>-<n>`: comparable only within one
/// incarnation.
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
    /// A diff without any change yet.
    pub(crate) fn between(from: Version, to: Version) -> Self {
        Self { from, to, joined: Vec::new(), changed: Vec::new(), left: Vec::new(), sessions: Vec::new() }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// How many changes it holds.
    pub fn entries(&self) -> usize {
        self.joined.len() + self.changed.len() + self.left.len() + self.sessions.len()
    }

    /// What several diffs, each starting where the one before led to, amount to.
    ///
    /// Session events are told one by one; users who came and went again are not told at all.
    pub(crate) fn joined<'a>(diffs: impl Iterator<Item = &'a Self>) -> Self {
        /// Whether the user was here before the first diff, and what they are after the last.
        type Step = (bool, Result<Arc<Member>, LeftReason>);
        let mut versions: Option<(Version, Version)> = None;
        let mut steps: BTreeMap<UserId, Step> = BTreeMap::new();
        let mut sessions = Vec::new();
        for diff in diffs {
            versions = Some((versions.map_or(diff.from, |(from, _)| from), diff.to));
            let come = diff.joined.iter().map(|member| (false, member));
            for (was_here, member) in come.chain(diff.changed.iter().map(|member| (true, member))) {
                steps.entry(member.user.clone()).or_insert((was_here, Err(LeftReason::Left))).1 =
                    Ok(Arc::clone(member));
            }
            for (user, reason) in &diff.left {
                steps.entry(user.clone()).or_insert((true, Err(*reason))).1 = Err(*reason);
            }
            sessions.extend(diff.sessions.iter().cloned());
        }
        let (from, to) =
            versions.unwrap_or((Version { incarnation: 0, n: 0 }, Version { incarnation: 0, n: 0 }));
        let mut all = Self { sessions, ..Self::between(from, to) };
        for (user, (was_here, now)) in steps {
            match (was_here, now) {
                (false, Ok(member)) => all.joined.push(member),
                (true, Ok(member)) => all.changed.push(member),
                (true, Err(reason)) => all.left.push((user, reason)),
                (false, Err(_)) => {}
            }
        }
        all
    }
}

/// What happened to the sessions of one user between two states.
pub(crate) fn session_events(
    user: &UserId,
    before: Option<&Member>,
    now: Option<&Member>,
    reason: LeftReason,
    events: &mut Vec<SessionEvent>,
) {
    let of = |member: Option<&Member>| -> BTreeMap<_, MemberSession> {
        let sessions = member.map(|m| m.sessions.as_slice()).unwrap_or_default();
        sessions.iter().map(|session| (session.id.clone(), session.clone())).collect()
    };
    let (mut before, now) = (of(before), of(now));
    for (id, session) in now {
        match before.remove(&id) {
            None => events.push(SessionEvent::Joined(user.clone(), session)),
            Some(old) if old != session => events.push(SessionEvent::Changed(user.clone(), session)),
            Some(_) => {}
        }
    }
    events.extend(before.into_keys().map(|id| SessionEvent::Left(user.clone(), id, reason)));
}
