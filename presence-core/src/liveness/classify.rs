//! Derives the state of a session from its facts, the policy and the proven time, and when that
//! state may change.

use super::{DeclaredOnly, Policy};
use crate::model::{Departure, InvalidValue};
use crate::time::{Timestamp, ViewClock};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter;
use std::str::FromStr;
use std::time::Duration;

/// The state of a session or a user.
///
/// Ordered from least to most present: a user's state is the maximum over the user's sessions.
/// Exhaustive on purpose: hosts must handle all three.
///
/// ```
/// use presence_core::Liveness;
/// assert!(Liveness::Active > Liveness::Idle && Liveness::Idle.is_live());
/// assert_eq!("gone".parse(), Ok(Liveness::Gone));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// Not present: lapsed, left, or never seen.
    Gone,
    /// Present, without recent activity.
    Idle,
    /// Present and active.
    Active,
}

impl Liveness {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Idle => "idle",
            Self::Active => "active",
        }
    }

    /// Whether this is `Active` or `Idle`.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Gone)
    }
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Liveness {
    type Err = InvalidValue;
    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "gone" => Ok(Self::Gone),
            "idle" => Ok(Self::Idle),
            "active" => Ok(Self::Active),
            _ => Err(InvalidValue::Shape { what: "liveness", expected: "gone, idle or active" }),
        }
    }
}

/// The facts that determine the state of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// The last heartbeat; zero if there was none.
    pub seen_at: Timestamp,
    /// The user's last activity.
    pub active_at: Timestamp,
    /// How long the session stays alive after its last heartbeat.
    pub lease: Duration,
    /// For a held session: the node's last heartbeat, and how long its sessions stay alive
    /// if it drains.
    pub node: Option<(Timestamp, Option<Duration>)>,
    /// The departure, if the session has left.
    pub left: Option<Departure>,
    /// When the status was declared and when it stops counting, if one was declared.
    pub declared: Option<(Timestamp, Option<Timestamp>)>,
    /// When a snapshot of the store lacked the session. Until it is confirmed, heartbeats of its
    /// node do not count for it.
    pub unconfirmed_since: Option<Timestamp>,
}

impl Vitals {
    /// The heartbeats with the time that each keeps the session alive: its own, and those of its
    /// node unless the session is unconfirmed.
    fn heartbeats(&self) -> impl Iterator<Item = (Timestamp, Duration)> {
        let own = (self.seen_at.max(self.unconfirmed_since.unwrap_or_default()), self.lease);
        let node = self.node.filter(|_| self.unconfirmed_since.is_none());
        let held = node.map(|(seen_at, drain_for)| (seen_at, drain_for.unwrap_or_default().max(self.lease)));
        iter::once(own).chain(held)
    }

    /// The activity that counts: not later than the last heartbeat.
    fn last_active(&self) -> Timestamp {
        self.active_at.min(self.seen_at)
    }

    /// When the declaration of a session without heartbeats stops counting.
    fn declared_until(&self) -> Option<Timestamp> {
        self.declared.map(|(at, until)| until.unwrap_or(at + self.lease))
    }
}

/// The state of a session at the proven time of its shard.
pub fn classify(vitals: &Vitals, policy: &Policy, view: &ViewClock) -> Liveness {
    if vitals.left.is_some_and(|left| left.in_effect(view.now())) {
        return Liveness::Gone;
    }
    if vitals.seen_at == Timestamp::ZERO {
        let counts = policy.declared_only == DeclaredOnly::Alive
            && vitals.declared_until().is_some_and(|until| view.now() < until);
        return if counts { Liveness::Active } else { Liveness::Gone };
    }
    if !vitals.heartbeats().any(|(at, limit)| view.age(at) < limit) {
        return Liveness::Gone;
    }
    if view.idle_for(vitals.last_active()) < policy.active_for { Liveness::Active } else { Liveness::Idle }
}

/// When the state changes next, if no new facts arrive and no blind stretch occurs;
/// `None` for never.
///
/// Exact: [`classify`] returns the same state at every earlier time, and another one at this time.
pub fn next_change(vitals: &Vitals, policy: &Policy, view: &ViewClock) -> Option<Timestamp> {
    next_change_of(classify(vitals, policy, view), vitals, policy, view)
}

/// Like [`next_change`], given the state that [`classify`] returns.
pub(crate) fn next_change_of(
    liveness: Liveness,
    vitals: &Vitals,
    policy: &Policy,
    view: &ViewClock,
) -> Option<Timestamp> {
    if liveness == Liveness::Gone {
        return None;
    }
    let leaves_at = vitals.left.map(|left| left.ends_at);
    if vitals.seen_at == Timestamp::ZERO {
        return [leaves_at, vitals.declared_until()].into_iter().flatten().min();
    }
    let lapses_at = vitals.heartbeats().map(|(at, limit)| view.when_aged(at, limit)).max();
    let idles_at =
        (liveness == Liveness::Active).then(|| view.when_idle_for(vitals.last_active(), policy.active_for));
    [leaves_at, lapses_at, idles_at].into_iter().flatten().min()
}

/// When a gone session became so, by the same view; for a live one, when it will lapse or leave.
pub fn gone_at(vitals: &Vitals, view: &ViewClock) -> Timestamp {
    let lapses_at = if vitals.seen_at == Timestamp::ZERO {
        vitals.declared_until()
    } else {
        vitals.heartbeats().map(|(at, limit)| view.when_aged(at, limit)).max()
    };
    [vitals.left.map(|left| left.ends_at.max(left.at)), lapses_at]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or_default()
}
