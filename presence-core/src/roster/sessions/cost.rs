//! What the roster's own memory is spent on, and whether there is room for more.
//!
//! Some room is kept for sessions that do not show: those that are gone and not forgotten yet, and
//! those of hidden users. There may be as many of them as show, in a quarter of the bytes; within
//! that they count for nobody else. So whether there is room for a session says nothing about
//! hidden users to others, unless more than that is taken.

use crate::footprint::{self, PIECE};
use crate::model::{Beat, Message, Meta, Status, Topic, UserId};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::memberships::{Memberships, SlotMembership};
use crate::roster::sessions::slot::Slot;

/// A session by itself: its entry in the slab, its words in the index and the wheel, its user's
/// place in the list of everyone, and what chunks have to spare.
const SESSION: usize = 128 + 8 + 8 + 34 + 32;
/// A place in the sorted list of a topic, with what chunks have to spare.
const LISTED: usize = 48;
/// A session's place among several topics.
const AMONG_SEVERAL: usize = size_of::<SlotMembership>();
/// What a session has that most have not, if only a departure.
const RARE: usize = 64 + PIECE;
/// A declaration.
const SAID: usize = 72 + PIECE;
/// A session's entries in the indexes of a user who has many, who on the other hand stands but once
/// in the lists of topics.
const CROWDED: usize = 80;
/// A topic beside its name: its state, its entry in the map and in the order of topics, and its
/// lists when they are short.
const TOPIC: usize = size_of::<ScopeState>() + 2 * PIECE + 64 + 40 + 90;
/// Slots count in units of so many bytes.
pub(crate) const UNIT: usize = 16;

/// The bytes of a session.
#[derive(Clone, Copy)]
struct Parts<'a> {
    user: &'a UserId,
    id: usize,
    topics: usize,
    /// Whether the topics stand in a list of their own.
    several: bool,
    meta: Option<&'a Meta>,
    /// The bytes of the message, if there is a declaration.
    said: Option<usize>,
    left: bool,
}

impl Parts<'_> {
    fn bytes(self) -> usize {
        let user = footprint::name(self.user.as_str().len());
        let list = if self.several { 2 * PIECE + 24 + self.topics * AMONG_SEVERAL } else { 0 };
        let is_rare = self.left || self.meta.is_some() || self.said.is_some();
        SESSION
            + 2 * user
            + footprint::name(self.id)
            + list
            + self.topics * (LISTED + user)
            + if is_rare { RARE } else { 0 }
            + self.meta.map_or(0, Meta::footprint)
            + self.said.map_or(0, |message| SAID + message)
    }
}

fn message_bytes(message: Option<&Message>) -> usize {
    message.map_or(0, |message| message.as_str().len() + PIECE)
}

impl Slot {
    /// About how many bytes the session takes, topics' own apart.
    pub(crate) fn bytes(&self, in_crowd: bool) -> usize {
        let several = matches!(self.memberships, Memberships::Many(_));
        let declared = self.declared();
        let parts = Parts {
            user: &self.user,
            id: self.id.as_str().len(),
            topics: self.topics().count(),
            several,
            meta: self.meta(),
            said: declared.map(|declared| message_bytes(declared.message.as_ref())),
            left: self.left().is_some(),
        };
        parts.bytes() + if in_crowd { CROWDED } else { 0 }
    }

    /// How many bytes more the session would take after a beat, not counting topics' own: only what
    /// a client can make large. Declaring to be offline is never refused for want of room, so that
    /// it is as if it took none.
    fn grows_by(&self, beat: &Beat) -> usize {
        let topics =
            beat.topics.as_ref().map_or(0, |topics| topics.len().saturating_sub(self.topics().count()));
        let meta = beat.meta.as_ref().map_or(0, Meta::footprint);
        let meta = meta.saturating_sub(self.meta().map_or(0, Meta::footprint));
        let said = beat
            .declares
            .as_ref()
            .filter(|(status, message, _)| *status != Status::Offline || message.is_some());
        let said = said.map_or(0, |(_, message, _)| SAID + message_bytes(message.as_ref()));
        let known = self.declared().map_or(0, |known| SAID + message_bytes(known.message.as_ref()));
        topics * (LISTED + AMONG_SEVERAL) + meta + said.saturating_sub(known)
    }
}

/// About how many bytes a topic takes, with nobody in it.
pub(crate) fn of_topic(topic: &Topic) -> usize {
    TOPIC + 2 * footprint::name(topic.as_str().len())
}

/// How much room a beat needs.
pub(crate) struct Need {
    /// Whether it needs room for a session.
    pub session: bool,
    pub bytes: usize,
}

impl Need {
    /// What a beat needs of a session that is known, or is not. `is_known` says which topics are
    /// there already.
    pub fn of(beat: &Beat, known: Option<&Slot>, is_known: impl Fn(&Topic) -> bool) -> Self {
        let topics = beat.topics.as_ref().map_or(&[][..], |topics| topics.memberships());
        let is_own = |topic| known.is_some_and(|slot| slot.topics().any(|(own, _)| own == topic));
        let new = topics
            .iter()
            .map(|membership| &membership.topic)
            .filter(|topic| !is_known(topic) && !is_own(*topic));
        let new = new.map(of_topic);
        let new: usize = new.sum();
        if let Some(slot) = known {
            return Self { session: false, bytes: new + slot.grows_by(beat) };
        }
        let parts = Parts {
            user: &beat.user,
            id: beat.session.as_str().len(),
            topics: topics.len(),
            several: topics.len() > 1,
            meta: beat.meta.as_ref(),
            said: beat.declares.as_ref().map(|(_, message, _)| message_bytes(message.as_ref())),
            left: false,
        };
        Self { session: true, bytes: new + parts.bytes() }
    }
}

/// How much there may be of something of which part does not show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// The most that may show, and whatever does not beyond what is kept for it.
    most: usize,
    kept: usize,
}

impl Bound {
    /// So much may show, and as much again may not.
    pub fn beside(most: usize) -> Self {
        Self { most, kept: most }
    }

    /// So much in all, a quarter of it kept for what does not show.
    pub fn within(all: usize) -> Self {
        Self { most: all - all / 4, kept: all / 4 }
    }

    /// Whether there is room for `more`, where there are `all` of which so many show.
    pub fn has_room(self, all: usize, shown: usize, more: usize) -> bool {
        let counted = all - all.saturating_sub(shown).min(self.kept);
        counted.saturating_add(more) <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::Bound;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_does_not_show_counts_for_nobody_within_what_is_kept_for_it_and_all_is_bounded(
            most in 0..10_000_usize,
            shown in 0..20_000_usize,
            (one, other) in (0..5_000_usize, 0..5_000_usize),
            more in 1..100_usize,
        ) {
            let (beside, within) = (Bound::beside(most), Bound::within(most));
            for bound in [beside, within] {
                let has_room = |unseen| bound.has_room(shown + unseen, shown, more);
                if one.max(other) <= bound.kept {
                    prop_assert_eq!(has_room(one), has_room(other));
                    prop_assert_eq!(has_room(one), shown + more <= bound.most);
                }
                prop_assert!(!has_room(one) || shown + one + more <= bound.most + bound.kept);
            }
            prop_assert!(within.most + within.kept == most && beside.most == most);
        }
    }
}
