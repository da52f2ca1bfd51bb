//! How things stand.

use super::shared::Shared;
use crate::liveness::{Liveness, Policy};
use crate::model::{SessionId, Status, UserId};
use crate::roster::Examined;
use crate::time::{Timestamp, View};
use std::fmt::Write;

/// How a process stands with its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether calls to the store succeed.
    pub store: StoreHealth,
    /// Whether what is shown is known to be true now.
    pub view: View,
    /// Sessions in the roster, gone ones included until they are forgotten, and those of hidden
    /// users: for operators.
    pub sessions: usize,
    /// Live sessions of users who show: what anybody may know.
    pub shown_sessions: usize,
    /// Users online.
    pub users: usize,
    /// Topics with somebody online.
    pub shown_topics: usize,
    /// Topics with at least one session, whether or not it shows: for operators.
    pub topics: usize,
    /// Own sessions whose truth the store must still be told.
    pub owed: usize,
    /// About how many bytes all sessions and topics take: for operators.
    pub bytes: usize,
}

/// Whether calls to the store succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// The last one did, or none was made yet.
    Up,
    /// None has since then.
    Down {
        /// The first failure.
        since: Timestamp,
        /// What it said.
        error: String,
    },
}

/// Why a user is what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The id of the user.
    pub user: UserId,
    /// What they are.
    pub liveness: Liveness,
    /// Their effective status.
    pub status: Status,
    /// The proven time that this is said of.
    pub now: Timestamp,
    /// Whether that time is fresh.
    pub view: View,
    /// Each session.
    pub sessions: Vec<SessionReport>,
}

/// Why a session is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionReport {
    /// The id of the session.
    pub id: SessionId,
    /// What it is.
    pub liveness: Liveness,
    /// Its last beat.
    pub seen_at: Timestamp,
    /// Its last activity.
    pub active_at: Timestamp,
    /// The rule that decided, in words.
    pub rule: String,
    /// When the verdict may change.
    pub next_change: Option<Timestamp>,
}

impl Health {
    pub(super) fn of(shared: &Shared) -> Self {
        Self {
            store: shared.health(),
            view: shared.roster.view(shared.now()),
            sessions: shared.roster.len(),
            shown_sessions: shared.roster.shown_sessions(),
            users: shared.roster.counts().online as usize,
            shown_topics: shared.roster.shown_topics(),
            topics: shared.roster.topic_count(),
            owed: shared.outbox.len(),
            bytes: shared.roster.bytes(),
        }
    }
}

impl Explanation {
    pub(super) fn of(shared: &Shared, user: &UserId) -> Self {
        let now = shared.now();
        let examined = shared.roster.examine(user, now);
        let person = shared.roster.person(user);
        Self {
            user: user.clone(),
            liveness: person.as_ref().map_or(Liveness::Gone, |person| person.member.liveness),
            status: person.map_or(Status::Offline, |person| person.member.status),
            now: examined.iter().map(|one| one.now).max().unwrap_or_else(|| shared.roster.stamp(now)),
            view: shared.roster.view(now),
            sessions: examined
                .into_iter()
                .map(|one| SessionReport::of(one, shared.roster.policy()))
                .collect(),
        }
    }
}

impl SessionReport {
    fn of(one: Examined, policy: &Policy) -> Self {
        Self {
            rule: rule(&one, policy),
            id: one.session.id,
            liveness: one.liveness,
            seen_at: one.session.seen_at,
            active_at: one.session.active_at,
            next_change: one.next_change,
        }
    }
}

/// The rule that decides about a session, in words.
fn rule(one: &Examined, policy: &Policy) -> String {
    let secs = |then: Timestamp| one.now.since(then).as_secs_f64();
    let placement = &one.session.placement;
    let lease = placement.lease.as_secs_f64();
    let mut said = match (placement.left, one.liveness) {
        (Some(left), Liveness::Gone) => format!("left {:.1} s ago", secs(left.at)),
        (Some(left), _) => format!("left {:.1} s ago, its grace still runs", secs(left.at)),
        (None, _) if one.session.seen_at == Timestamp::ZERO => {
            let counts = if policy.declared_counts { "counts" } else { "does not count" };
            format!("only declared a status, which {counts} as alive by the policy")
        }
        (None, _) => match one.node_seen_at {
            Some(at) => format!("held: its process beat {:.1} s ago, of {lease} s", secs(at)),
            None => format!("last beat {:.1} s ago, of {lease} s", secs(one.session.seen_at)),
        },
    };
    if one.liveness.is_live() {
        let (active, window) = (secs(one.session.active_at), policy.active_for.as_secs_f64());
        // Writing to a string cannot fail.
        let _ = write!(said, "; last activity {active:.1} s ago, of {window} s");
    }
    if one.unconfirmed {
        said += "; the store's last snapshot lacks it, so it goes unless it is confirmed";
    }
    if one.own {
        said += "; this process answers for it";
    }
    said
}
