//! Estimates the memory of sessions and topics, and decides whether there is room for more.
//!
//! A reserve is kept for invisible sessions: those that lapsed but are not forgotten, and those of
//! hidden users. It has room for as many sessions as may be visible, and for a quarter of all
//! bytes. Invisible sessions within the reserve do not reduce the room for visible ones. So a
//! refusal reveals nothing about hidden users, unless the reserve is exceeded.

use crate::footprint::{self, PIECE};
use crate::model::{Beat, Message, Meta, Status, Topic, UserId};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::memberships::{Memberships, SlotMembership};
use crate::roster::sessions::slot::Slot;

/// Bytes of a session without topics: its entries in the slab, the index, the wheel and the list of
/// all users, and its share of unused capacity.
const SESSION: usize = 128 + 8 + 8 + 34 + 32;
/// Bytes of an entry in the sorted list of a topic, with its share of unused capacity.
const LISTED: usize = 48;
/// Bytes of one membership of a session that has several.
const AMONG_SEVERAL: usize = size_of::<SlotMembership>();
/// Bytes of the box of cold fields, if a session has any of them.
const COLD: usize = 64 + PIECE;
/// Bytes of a declaration without its message.
const DECLARATION: usize = 72 + PIECE;
/// Bytes of a session's entries in a [`UserIndexes`](super::user_indexes::UserIndexes). If several
/// sessions of a user are in one topic, each is counted with an entry in the topic's list, although
/// they share one.
const INDEXED: usize = 80;
/// Bytes of a topic without its name: its state, its entries in the map and the ranking, and its
/// lists while they are short.
const TOPIC: usize = size_of::<ScopeState>() + 2 * PIECE + 64 + 40 + 90;
/// Unit in which slots store their estimated size, in bytes.
pub(crate) const UNIT: usize = 16;

/// The parts of a session on which its estimated size depends.
#[derive(Clone, Copy)]
struct Parts<'a> {
    user: &'a UserId,
    id: usize,
    topics: usize,
    /// Whether the memberships are in a list of their own.
    several: bool,
    meta: Option<&'a Meta>,
    /// Size of the status message, if the session has a declaration.
    declaration: Option<usize>,
    left: bool,
}

impl Parts<'_> {
    fn bytes(self) -> usize {
        let user = footprint::name(self.user.as_str().len());
        let list = if self.several { 2 * PIECE + 24 + self.topics * AMONG_SEVERAL } else { 0 };
        let is_cold = self.left || self.meta.is_some() || self.declaration.is_some();
        SESSION
            + 2 * user
            + footprint::name(self.id)
            + list
            + self.topics * (LISTED + user)
            + if is_cold { COLD } else { 0 }
            + self.meta.map_or(0, Meta::footprint)
            + self.declaration.map_or(0, |message| DECLARATION + message)
    }
}

fn message_bytes(message: Option<&Message>) -> usize {
    message.map_or(0, |message| message.as_str().len() + PIECE)
}

impl Slot {
    /// Estimated bytes of the session, without the topics themselves.
    pub(crate) fn bytes(&self, is_indexed: bool) -> usize {
        let several = matches!(self.memberships, Memberships::Many(_));
        let declared = self.declared();
        let parts = Parts {
            user: &self.user,
            id: self.id.as_str().len(),
            topics: self.topics().count(),
            several,
            meta: self.meta(),
            declaration: declared.map(|declared| message_bytes(declared.message.as_ref())),
            left: self.left().is_some(),
        };
        parts.bytes() + if is_indexed { INDEXED } else { 0 }
    }

    /// Estimated growth of the session by this heartbeat, in bytes, without new topics. Counts only
    /// parts that a client can make large. A declaration of *offline* without a message counts as
    /// zero, so that it is never refused for lack of room.
    fn grows_by(&self, beat: &Beat) -> usize {
        let topics =
            beat.topics.as_ref().map_or(0, |topics| topics.len().saturating_sub(self.topics().count()));
        let meta = beat.meta.as_ref().map_or(0, Meta::footprint);
        let meta = meta.saturating_sub(self.meta().map_or(0, Meta::footprint));
        let declaration = beat
            .declares
            .as_ref()
            .filter(|declaration| declaration.status != Status::Offline || declaration.message.is_some());
        let declaration =
            declaration.map_or(0, |declaration| DECLARATION + message_bytes(declaration.message.as_ref()));
        let known = self.declared().map_or(0, |known| DECLARATION + message_bytes(known.message.as_ref()));
        topics * (LISTED + AMONG_SEVERAL) + meta + declaration.saturating_sub(known)
    }
}

/// Estimated bytes of a topic without members.
pub(crate) fn of_topic(topic: &Topic) -> usize {
    TOPIC + 2 * footprint::name(topic.as_str().len())
}

/// The room that a heartbeat needs.
pub(crate) struct Need {
    /// Whether the heartbeat enters a new session.
    pub session: bool,
    pub bytes: usize,
}

impl Need {
    /// The room that `beat` needs, given the slot of its session if there is one. `is_known`
    /// returns whether a topic exists already.
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
            declaration: beat
                .declares
                .as_ref()
                .map(|declaration| message_bytes(declaration.message.as_ref())),
            left: false,
        };
        Self { session: true, bytes: new + parts.bytes() }
    }
}

/// A limit for a total, a part of which is invisible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// The limit of the visible part together with the invisible part beyond the reserve.
    most: usize,
    /// The reserve of the invisible part.
    kept: usize,
}

impl Bound {
    /// Allows `most` visible entries, and the same number of invisible ones in addition.
    pub fn beside(most: usize) -> Self {
        Self { most, kept: most }
    }

    /// Allows `all` in total, of which a quarter is reserved for the invisible part.
    pub fn within(all: usize) -> Self {
        Self { most: all - all / 4, kept: all / 4 }
    }

    /// Whether `more` fit, given the total and the visible part of it.
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
        fn invisible_sessions_do_not_count_within_their_reserve_and_the_total_is_limited(
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
