//! The topics that a session is in.

use crate::model::{Membership, Topic, Topics};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::slot::Slot;
use crate::time::Timestamp;
use std::sync::Arc;

/// The topics that a session is in, each with a reference to its counts. Most sessions are in one
/// topic or in none.
#[expect(clippy::box_collection, reason = "a box is one word in every slot, and most sessions have no list")]
pub(crate) enum Memberships {
    Nowhere,
    One(Arc<ScopeState>),
    Many(Box<Vec<SlotMembership>>),
}

pub(crate) struct SlotMembership {
    pub scope: Arc<ScopeState>,
    pub until: Option<Timestamp>,
    /// Whether the membership was in effect at the last reconciliation.
    pub in_effect: bool,
}

impl Slot {
    /// All memberships with their ends, whether or not they are in effect.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, Option<Timestamp>)> {
        let (one, many) = match &self.memberships {
            Memberships::Nowhere => (None, [].as_slice()),
            Memberships::One(scope) => (Some((scope, None)), [].as_slice()),
            Memberships::Many(memberships) => (None, memberships.as_slice()),
        };
        one.into_iter()
            .chain(many.iter().map(|membership| (&membership.scope, membership.until)))
            .filter_map(|(scope, until)| Some((scope.topic()?, until)))
    }

    /// The topics that the session counted in at the last reconciliation; none if it was not live.
    pub fn current_topics(&self) -> impl Iterator<Item = &Arc<ScopeState>> {
        let (one, many) = match &self.memberships {
            _ if !self.state.is_live() => (None, [].as_slice()),
            Memberships::Nowhere => (None, [].as_slice()),
            Memberships::One(scope) => (Some(scope), [].as_slice()),
            Memberships::Many(memberships) => (None, memberships.as_slice()),
        };
        let many =
            many.iter().inspect(|_| crate::roster::work::step()).filter(|membership| membership.in_effect);
        one.into_iter().chain(many.map(|membership| &membership.scope))
    }

    /// Whether `topics` has exactly these memberships.
    pub fn is_in(&self, topics: &Topics) -> bool {
        // Both are sorted by topic.
        topics.memberships().iter().map(|membership| (&membership.topic, membership.until)).eq(self.topics())
    }

    /// The memberships as a `Topics` list.
    pub fn topic_list(&self) -> Topics {
        let memberships = self.topics().map(|(topic, until)| Membership { topic: topic.clone(), until });
        // Cannot fail: the memberships came from a valid list.
        Topics::of(memberships.collect()).unwrap_or_default()
    }

    /// The memberships that have not ended at `now`: the starting point of a new placement.
    pub fn lasting_topics(&self, now: Timestamp) -> Topics {
        let Memberships::Many(memberships) = &self.memberships else { return self.topic_list() };
        // `in_effect` cannot be used here: it is not kept up to date for sessions that are gone.
        let lasting =
            memberships.iter().filter(|membership| membership.until.is_none_or(|until| now < until));
        let memberships = lasting.filter_map(|SlotMembership { scope, until, .. }| {
            Some(Membership { topic: scope.topic()?.clone(), until: *until })
        });
        Topics::of(memberships.collect()).unwrap_or_default()
    }
}
