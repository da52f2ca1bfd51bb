//! Where a session is.

use super::scope_state::ScopeState;
use super::slot::Slot;
use crate::model::{Stay, Topic, Topics};
use crate::time::Timestamp;
use std::sync::Arc;

/// Where a session is, each topic with its counts at hand. Most sessions are in one topic or in
/// none.
#[expect(clippy::box_collection, reason = "one word where most sessions have none: every slot pays for it")]
pub(super) enum Stays {
    Nowhere,
    One(Arc<ScopeState>),
    Many(Box<Vec<SlotStay>>),
}

pub(super) struct SlotStay {
    pub scope: Arc<ScopeState>,
    pub until: Option<Timestamp>,
    /// Whether the stay was in effect when the session was last settled.
    pub in_effect: bool,
}

impl Slot {
    /// The stays, whether or not they are in effect.
    pub fn topics(&self) -> impl Iterator<Item = (&Topic, Option<Timestamp>)> {
        let (one, many) = match &self.stays {
            Stays::Nowhere => (None, [].as_slice()),
            Stays::One(scope) => (Some((scope, None)), [].as_slice()),
            Stays::Many(stays) => (None, stays.as_slice()),
        };
        one.into_iter()
            .chain(many.iter().map(|stay| (&stay.scope, stay.until)))
            .filter_map(|(scope, until)| Some((scope.topic()?, until)))
    }

    /// The topics it was in when it was last settled, if it was live.
    pub fn places(&self) -> impl Iterator<Item = &Arc<ScopeState>> {
        let (one, many) = match &self.stays {
            _ if !self.state.is_live() => (None, [].as_slice()),
            Stays::Nowhere => (None, [].as_slice()),
            Stays::One(scope) => (Some(scope), [].as_slice()),
            Stays::Many(stays) => (None, stays.as_slice()),
        };
        let many = many.iter().inspect(|_| super::work::step()).filter(|stay| stay.in_effect);
        one.into_iter().chain(many.map(|stay| &stay.scope))
    }

    /// Whether a list says the same as the stays.
    pub fn is_in(&self, topics: &Topics) -> bool {
        // Both are sorted by topic.
        topics.stays().iter().map(|stay| (&stay.topic, stay.until)).eq(self.topics())
    }

    /// The list that says the same as the stays.
    pub fn topic_list(&self) -> Topics {
        let stays = self.topics().map(|(topic, until)| Stay { topic: topic.clone(), until });
        // They came out of a valid list.
        Topics::of(stays.collect()).unwrap_or_default()
    }

    /// The list without the stays that have ended: what a new placement starts from.
    pub fn lasting_topics(&self, now: Timestamp) -> Topics {
        let Stays::Many(stays) = &self.stays else { return self.topic_list() };
        // Not by whether they were in effect when it was last settled: nobody looks at the stays of
        // who is gone.
        let lasting = stays.iter().filter(|stay| stay.until.is_none_or(|until| now < until));
        let stays = lasting.filter_map(|SlotStay { scope, until, .. }| {
            Some(Stay { topic: scope.topic()?.clone(), until: *until })
        });
        Topics::of(stays.collect()).unwrap_or_default()
    }
}
