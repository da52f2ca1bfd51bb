//! Estimates the memory of sessions and topics, and decides whether there is room for more.
//!
//! Room is reserved for invisible sessions: those lapsed but not forgotten, and those of hidden
//! users. As many invisible sessions as visible ones fit, in a quarter of the bytes. Within the
//! reserve they do not reduce the room for visible sessions, so that a refusal tells nothing about
//! hidden users unless the reserve is exceeded.

use crate::footprint::{self, PIECE};
use crate::model::{Beat, Message, Meta, Status, Topic, UserId};
use crate::roster::readers::scope_state::ScopeState;
use crate::roster::sessions::memberships::{Memberships, SlotMembership};
use crate::roster::sessions::slot::Slot;

/// Bytes of a session without topics: its slab entry, its words in the index and the wheel, its
/// user's entry in the list of everyone, and spare capacity of chunks.
const SESSION: usize = 128 + 8 + 8 + 34 + 32;
/// Bytes of an entry in the sorted list of a topic, with spare capacity of chunks.
const LISTED: usize = 48;
/// Bytes of one membership of a session that has several.
const AMONG_SEVERAL: usize = size_of::<SlotMembership>();
/// Bytes of the box of cold fields, if a session has any of them.
const COLD: usize = 64 + PIECE;
/// Bytes of a declaration without its message.
const DECLARATION: usize = 72 + PIECE;
/// Bytes of a session's entries in a [`Crowd`](super::crowd::Crowd). The entries in the lists of
/// topics that sessions of one user share are not deducted.
const CROWDED: usize = 80;
/// Bytes of a topic without its name: its state, its entries in the map and the ranking, and its
/// lists while they are short.
const TOPIC: usize = size_of::<ScopeState>() + 2 * PIECE + 64 + 40 + 90;
/// Unit in which slots store their estimated size, in bytes.
pub(crate) const UNIT: usize = 16;

/// What the estimate of a session's size depends on.
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
    pub(crate) fn bytes(&self, in_crowd: bool) -> usize {
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
        parts.bytes() + if in_crowd { CROWDED } else { 0 }
    }

    /// Estimated growth of the session by this heartbeat, in bytes, without new topics. Counts only
    /// what a client can make large. A declaration of *offline* without a message counts as free,
    /// so that it is never refused for want of room.
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
    /// The room that `beat` needs, given the slot of its session if there is one. `is_known` tells
    /// whether a topic exists already.
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
            declaration: beat.declares.as_ref().map(|said| message_bytes(said.message.as_ref())),
            left: false,
        };
        Self { session: true, bytes: new + parts.bytes() }
    }
}

/// A limit for a total of which a part is invisible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// Most of the visible part, together with the invisible part beyond the reserve.
    most: usize,
    /// The reserve of the invisible part.
    kept: usize,
}

impl Bound {
    /// Allows `most` visible ones, and as many invisible ones besides.
    pub fn beside(most: usize) -> Self {
        Self { most, kept: most }
    }

    /// Allows `all` in total, a quarter of it reserved for invisible ones.
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
