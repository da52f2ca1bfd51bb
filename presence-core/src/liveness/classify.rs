//! Facts, policy and proven time in; a verdict, and when it may change, out.

use super::Policy;
use crate::model::{Declared, Departure, Node, Session};
use crate::time::{Timestamp, ViewClock};
use serde::{Deserialize, Serialize};
use std::iter;
use std::time::Duration;

/// What a session, or a user, is.
///
/// The order is from least to most present: the best of a user's sessions is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// Not here: lapsed, left, or never seen.
    Gone,
    /// Here, without activity for a while.
    Idle,
    /// Here and active.
    Active,
}

impl Liveness {
    /// The word on the wire.
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

/// The facts that decide about one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// Its last beat; zero if it never beat.
    pub seen_at: Timestamp,
    /// Its user's last activity.
    pub active_at: Timestamp,
    /// How long it lives after it was last seen.
    pub lease: Duration,
    /// For a held session: its process's last beat, and how long its sessions live on if it drains.
    pub node: Option<(Timestamp, Option<Duration>)>,
    /// Whether and when it left.
    pub left: Option<Departure>,
    /// When its declared status was declared and stops counting, if it declared one.
    pub declared: Option<(Timestamp, Option<Timestamp>)>,
    /// Since when a new snapshot of the store lacks it. Until it is confirmed, its process does not
    /// speak for it.
    pub unconfirmed_since: Option<Timestamp>,
}

impl Vitals {
    /// The facts of a session, with those of the node that holds it, if known.
    pub fn of(session: &Session, node: Option<&Node>) -> Self {
        let placement = &session.placement;
        Self {
            seen_at: session.seen_at,
            active_at: session.active_at,
            lease: placement.lease,
            node: node.filter(|_| placement.held).map(Node::rank),
            left: placement.left,
            declared: session.declared.as_ref().map(|Declared { at, until, .. }| (*at, *until)),
            unconfirmed_since: None,
        }
    }

    /// Its beats and how long each keeps it alive: its own, and its node's unless the store lost
    /// sight of it.
    fn heartbeats(&self) -> impl Iterator<Item = (Timestamp, Duration)> {
        let own = (self.seen_at.max(self.unconfirmed_since.unwrap_or_default()), self.lease);
        let node = self.node.filter(|_| self.unconfirmed_since.is_none());
        let held = node.map(|(seen_at, drain_for)| (seen_at, drain_for.unwrap_or_default().max(self.lease)));
        iter::once(own).chain(held)
    }

    /// The activity that counts: none is later than the beat that told it.
    fn last_active(&self) -> Timestamp {
        self.active_at.min(self.seen_at)
    }

    /// When the declaration of a session that never beat stops counting.
    fn declared_until(&self) -> Option<Timestamp> {
        self.declared.map(|(at, until)| until.unwrap_or(at + self.lease))
    }
}

/// What a session is, by the proven time of its shard.
pub fn classify(vitals: &Vitals, policy: &Policy, view: &ViewClock) -> Liveness {
    if vitals.left.is_some_and(|left| left.in_effect(view.now())) {
        return Liveness::Gone;
    }
    if vitals.seen_at == Timestamp::ZERO {
        let counts =
            policy.declared_counts && vitals.declared_until().is_some_and(|until| view.now() < until);
        return if counts { Liveness::Active } else { Liveness::Gone };
    }
    if !vitals.heartbeats().any(|(at, limit)| view.age(at) < limit) {
        return Liveness::Gone;
    }
    if view.idle_for(vitals.last_active()) < policy.active_for { Liveness::Active } else { Liveness::Idle }
}

/// When the verdict may be another, if nothing is heard and the view does not go blind; `None` for
/// never.
///
/// Exact: [`classify`] gives the same answer at every earlier time, and another one then.
pub fn next_change(vitals: &Vitals, policy: &Policy, view: &ViewClock) -> Option<Timestamp> {
    let liveness = classify(vitals, policy, view);
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

/// Since when a gone session has been gone, by the same view; for one that is not gone, when it
/// will be.
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
