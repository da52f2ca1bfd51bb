//! Snapshots of a scope, and the diffs between two versions of it.

use crate::liveness::Liveness;
use crate::model::{SessionId, UserId};
use crate::roster::readers::member::{Counts, Member, MemberSession};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Identifies one state of one roster, written `<incarnation>-<n>`. Versions of different
/// incarnations cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Random number of the roster, drawn when it starts.
    pub incarnation: u64,
    /// Number of the state; it increases.
    pub n: u64,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.incarnation, self.n)
    }
}

/// The text is not a version.
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
#[non_exhaustive]
pub struct Snapshot {
    /// The version of this state.
    pub version: Version,
    /// The users who are present, sorted by id.
    pub members: BTreeMap<UserId, Arc<Member>>,
}

impl Snapshot {
    /// A snapshot without members, for tests of code that handles snapshots.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_core::NotAVersion> {
    /// use presence_core::{Diff, Snapshot};
    /// let (from, to) = ("000000000000002a-7".parse()?, "000000000000002a-8".parse()?);
    /// let mut snapshot = Snapshot::empty(from);
    /// snapshot.apply(&Diff::between(from, to));
    /// assert_eq!((snapshot.version, snapshot.counts().online), (to, 0));
    /// # Ok(()) }
    /// ```
    pub fn empty(version: Version) -> Self {
        Self { version, members: BTreeMap::new() }
    }

    /// Number of online users, and of active ones.
    #[expect(clippy::cast_possible_truncation, reason = "a roster holds fewer than four billion users")]
    pub fn counts(&self) -> Counts {
        let active = self.members.values().filter(|m| m.liveness == Liveness::Active).count();
        Counts { online: self.members.len() as u32, active: active as u32 }
    }

    /// Applies `diff`, which must start at this version.
    ///
    /// ```
    /// # use presence_core::{Diff, Snapshot};
    /// # fn example(mut snapshot: Snapshot, diff: Diff) {
    /// snapshot.apply(&diff);
    /// println!("{} online", snapshot.counts().online);
    /// # }
    /// ```
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

/// Why a user or a session is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LeftReason {
    /// It left, moved to other topics, or the user declared to be offline.
    Left,
    /// No heartbeat arrived within its lease.
    Lapsed,
}

/// The changes of a scope between two versions. Each user appears at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// The version that the diff starts from.
    pub from: Version,
    /// The version that the diff leads to.
    pub to: Version,
    /// Users who are present now and were not before.
    pub joined: Vec<Arc<Member>>,
    /// Users who were present before, and have changed.
    pub changed: Vec<Arc<Member>>,
    /// Users who are no longer present, with the reason.
    pub left: Vec<(UserId, LeftReason)>,
    /// Changes of single sessions; empty unless the subscription asked for sessions.
    pub sessions: Vec<SessionEvent>,
}

/// A change of one session in a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The session entered the scope.
    Joined(UserId, MemberSession),
    /// The session has changed.
    Changed(UserId, MemberSession),
    /// The session left the scope.
    Left(UserId, SessionId, LeftReason),
}

impl Diff {
    /// A diff without changes, for tests of code that handles diffs.
    pub fn between(from: Version, to: Version) -> Self {
        Self { from, to, joined: Vec::new(), changed: Vec::new(), left: Vec::new(), sessions: Vec::new() }
    }

    /// Whether the diff has no changes.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// Number of changes.
    pub fn entries(&self) -> usize {
        self.joined.len() + self.changed.len() + self.left.len() + self.sessions.len()
    }

    /// Combines consecutive diffs into one.
    ///
    /// All session events are kept. Users who joined and left again are omitted.
    pub(crate) fn joined<'a>(diffs: impl Iterator<Item = &'a Self>) -> Self {
        /// Whether the user was present before the first diff, and the user's state after the last.
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

/// Appends the changes of one user's sessions between two states.
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
