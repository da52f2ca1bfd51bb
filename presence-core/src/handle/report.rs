//! Reports for operators: the health of a process, and explanations of a user's state.

use super::shared::Shared;
use crate::liveness::{DeclaredOnly, Liveness, Policy};
use crate::model::{SessionId, Status, UserId};
use crate::roster::Examined;
use crate::time::{Timestamp, View};
use std::fmt::Write;

/// The state of a process and its store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether calls to the store succeed.
    pub store: StoreHealth,
    /// Whether the roster's content is known to be up to date.
    pub view: View,
    /// Sessions in the roster, including those lapsed but not forgotten and those of hidden users.
    /// For operators only.
    pub sessions: usize,
    /// Live sessions of users who are not hidden. May be public.
    pub shown_sessions: usize,
    /// Users online.
    pub users: usize,
    /// Topics with online users.
    pub shown_topics: usize,
    /// Topics with any session, visible or not. For operators only.
    pub topics: usize,
    /// Own sessions and user records that wait to be written to the store.
    pub outbox: usize,
    /// Estimated bytes of all sessions and topics. For operators only.
    pub bytes: usize,
}

/// Whether calls to the store succeed. Exhaustive on purpose: there is no third case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// The last call succeeded, or none was made yet.
    Up,
    /// All calls since then failed, or writes wait to be repeated.
    Down {
        /// Time of the first failure.
        since: Timestamp,
        /// Text of the first failure.
        error: String,
    },
}

/// The facts that explain a user's state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The id of the user.
    pub user: UserId,
    /// The state of the user.
    pub liveness: Liveness,
    /// The effective status.
    pub status: Status,
    /// The proven time of the view that decided the state.
    pub now: Timestamp,
    /// Whether the roster's view is fresh.
    pub view: View,
    /// The user's sessions.
    pub sessions: Vec<SessionReport>,
}

/// The facts that explain a session's state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionReport {
    /// The id of the session.
    pub id: SessionId,
    /// The state of the session.
    pub liveness: Liveness,
    /// The last heartbeat.
    pub seen_at: Timestamp,
    /// The last activity.
    pub active_at: Timestamp,
    /// The rule that decided, as text.
    pub rule: String,
    /// When the state may change next without new facts.
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
            outbox: shared.outbox.len(),
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

/// The text of the rule that decides a session's state.
fn rule(one: &Examined, policy: &Policy) -> String {
    let secs = |then: Timestamp| one.now.since(then).as_secs_f64();
    let placement = &one.session.placement;
    let lease = placement.lease.as_secs_f64();
    let mut text = match (placement.left, one.liveness) {
        (Some(left), Liveness::Gone) => format!("left {:.1} s ago", secs(left.at)),
        (Some(left), _) => format!("left {:.1} s ago, its grace still runs", secs(left.at)),
        (None, _) if one.session.seen_at == Timestamp::ZERO => {
            let counts =
                if policy.declared_only == DeclaredOnly::Alive { "counts" } else { "does not count" };
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
        let _ = write!(text, "; last activity {active:.1} s ago, of {window} s");
    }
    if one.unconfirmed {
        text += "; the store's last snapshot lacks it, so it goes unless it is confirmed";
    }
    if one.own {
        text += "; this process answers for it";
    }
    text
}
