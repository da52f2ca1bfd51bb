//! A roster without indexes, wheels or caches: plain lists of facts, from which every query is
//! computed anew.
//!
//! It shares with the production roster only the merge, `classify` and the view clock, each of
//! which has tests of its own.

mod inbound;
mod queries;
mod store;

use crate::liveness::{self, Liveness, Policy, Vitals};
use crate::model::{
    Activity, Beat, BeatKind, Declaration, Declared, Departure, Leave, LeaveKind, Membership, Node, NodeId,
    Placement, Session, SessionKey, Status, Topic, Topics, UserId,
};
use crate::roster::{BeatSource, Counts, Member, MemberSession, Scope, Settings, Sorted};
use crate::store::{ForgetIf, Touch};
use crate::time::{Blind, Timestamp, ViewClock};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const INSTANT: Duration = Duration::from_millis(1);

/// A session, and its relation to this process.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "plain facts, not packed")]
pub struct Known {
    pub session: Session,
    shard: u16,
    /// Number of the watch that last delivered it.
    watch: u64,
    is_own: bool,
    /// Whether a connection of this process holds it.
    is_here: bool,
    is_confirmed: bool,
    is_by_own_time: bool,
    unconfirmed_since: Option<Timestamp>,
}

pub struct Reference {
    policy: Policy,
    me: NodeId,
    pub sessions: BTreeMap<SessionKey, Known>,
    pub nodes: BTreeMap<NodeId, Node>,
    views: Vec<ViewClock>,
    /// The newest known time of the store, and when it arrived.
    newest: Option<(Timestamp, Timestamp)>,
    watch: u64,
    is_draining: bool,
    pub now: Timestamp,
}

/// What a step did to a session: enough to revert it.
#[derive(Debug)]
pub struct Step {
    before: Option<Session>,
    after: Session,
}

impl Reference {
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        let view = ViewClock::default();
        Self {
            policy: settings.policy.clone(),
            me: settings.node.clone(),
            sessions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            views: vec![view; usize::from(settings.shards)],
            newest: None,
            watch: 0,
            is_draining: false,
            now,
        }
    }

    pub fn stamp(&self) -> Timestamp {
        self.newest.map_or(self.now, |(at, on)| at + self.now.since(on))
    }
}

/// Declares a status; returns whether that changed anything.
fn say(session: &mut Session, declaration: Option<&Declaration>, stamp: Timestamp) -> bool {
    let Some(Declaration { status, message, until }) = declaration.cloned() else { return false };
    let old = session.declared.as_ref();
    if let Some(old) = old
        && (old.status, &old.message, old.until) == (status, &message, until)
    {
        let is_alive_by_it = session.seen_at == Timestamp::ZERO && until.is_none();
        if !is_alive_by_it || stamp.since(old.at) < session.placement.lease / 4 {
            return false;
        }
    }
    let at = old.map_or(stamp, |old| stamp.max(old.at + INSTANT));
    session.declared = Some(Declared { at, status, message, until });
    true
}

// For a reference built from another roster's sessions.
impl Reference {
    pub fn nodes_to_be(&self) -> BTreeSet<NodeId> {
        self.sessions.values().map(|known| known.session.placement.node.clone()).collect()
    }

    pub fn know_node(&mut self, id: NodeId, seen_at: Timestamp) {
        if seen_at != Timestamp::ZERO {
            self.touch_node(Node { id, seen_at, drain_for: None });
        }
    }

    /// Adds a session as it is.
    pub fn know(&mut self, session: Session, shard: u16) {
        let (watch, key) = (self.watch, session.key());
        let known = Known {
            session,
            shard,
            watch,
            is_own: true,
            is_here: false,
            is_confirmed: true,
            is_by_own_time: false,
            unconfirmed_since: None,
        };
        self.sessions.insert(key, known);
    }
}
