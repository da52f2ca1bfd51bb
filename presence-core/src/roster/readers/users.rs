//! `Users`: a sorted set of users in chunks. It is read as fast as a plain list, and a change moves
//! only one chunk.

use crate::model::UserId;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::fmt;
use std::iter::Peekable;

/// Longest chunk. With this length, moving half a chunk takes as long as finding a position in it.
const CHUNK: usize = 256;
/// Shorter chunks are merged with a neighbour.
const SHORT: usize = CHUNK / 8;
/// With at least this many changes, a chunk is rebuilt in one pass.
const MANY: usize = 8;

/// A sorted set of users.
#[derive(Clone, Default)]
pub struct Users {
    /// First user of each chunk, stored apart from the chunks so that a search reads little memory.
    firsts: Vec<UserId>,
    /// No chunk is empty.
    chunks: Vec<Vec<UserId>>,
    len: usize,
}

impl Users {
    /// Number of users.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no users.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All users in order.
    pub fn iter(&self) -> Iter<'_> {
        self.chunks.iter().flatten()
    }

    /// The users after `user`, who need not be in the set; all users for `None`.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let shown = "alice".parse()?;
    /// let next = presence.everyone().sorted(|users| users.active.after(Some(&shown)).next().cloned());
    /// println!("the first active user after {shown}: {next:?}");
    /// # Ok(()) }
    /// ```
    pub fn after(&self, user: Option<&UserId>) -> impl Iterator<Item = &UserId> {
        let at = user.map_or(0, |user| self.chunk_of(user));
        let (first, rest) =
            self.chunks.get(at..).and_then(<[_]>::split_first).unwrap_or((const { &Vec::new() }, &[]));
        let skipped = user.map_or(0, |user| first.partition_point(|other| other <= user));
        first[skipped..].iter().chain(rest.iter().flatten())
    }

    /// The chunk that contains `user`, if `user` is in the set.
    fn chunk_of(&self, user: &UserId) -> usize {
        self.firsts.partition_point(|first| first <= user).saturating_sub(1)
    }

    /// Applies changes, sorted by user and one for each: whether the user is in the set
    /// from now on.
    pub(crate) fn apply<'a>(&mut self, changes: impl Iterator<Item = (&'a UserId, bool)>) {
        let mut changes = changes.peekable();
        let mut batch = Vec::new();
        let mut at = 0_usize;
        while let Some((user, _)) = changes.peek() {
            // Searches from the present chunk on, since the next change is usually near it. Starts
            // one chunk earlier, since the last change may have merged chunks.
            at = at.saturating_sub(1);
            let mut step = 1;
            while self.firsts.get(at + step).is_some_and(|first| first <= user) {
                at += step;
                step *= 2;
            }
            let near = self.firsts.get(at..(at + step).min(self.firsts.len())).unwrap_or_default();
            at += near.partition_point(|first| first <= user).saturating_sub(1);
            let end = self.firsts.get(at + 1);
            let is_here = |change: &(&UserId, bool)| end.is_none_or(|end| change.0 < end);
            batch.extend(std::iter::from_fn(|| changes.next_if(is_here)));
            self.change(at, &batch);
            batch.clear();
        }
    }

    /// Applies changes that all belong to the same chunk.
    fn change(&mut self, at: usize, changes: &[(&UserId, bool)]) {
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
            self.firsts.extend(changes.first().map(|(user, _)| (*user).clone()));
        }
        let chunk = &mut self.chunks[at];
        let before = chunk.len();
        if changes.len() < MANY {
            let mut from = 0;
            for (user, enters) in changes {
                let found = chunk[from..].binary_search(user);
                from += found.unwrap_or_else(|place| place);
                match (found, enters) {
                    (Err(_), true) => chunk.insert(from, (*user).clone()),
                    (Ok(_), false) => drop(chunk.remove(from)),
                    _ => {}
                }
            }
        } else {
            *chunk = merged(std::mem::take(chunk), changes);
        }
        self.len = self.len + chunk.len() - before;
        self.tidy(at);
    }

    /// Splits a chunk that has become too long, and merges a short one with a neighbour.
    fn tidy(&mut self, at: usize) {
        let len = self.chunks[at].len();
        if len > CHUNK {
            // The parts are shorter than a chunk may be, so that they can grow.
            let each = len.div_ceil(len.div_ceil(CHUNK * 3 / 4));
            let pieces: Vec<Vec<UserId>> = self.chunks[at].chunks(each).map(<[_]>::to_vec).collect();
            let firsts: Vec<UserId> = pieces.iter().map(|piece| piece[0].clone()).collect();
            self.chunks.splice(at..=at, pieces);
            self.firsts.splice(at..=at, firsts);
            return;
        }
        let with_next = self.chunks.get(at + 1).is_some_and(|next| len + next.len() <= CHUNK / 2);
        let with_last = at > 0 && len + self.chunks[at - 1].len() <= CHUNK / 2;
        if len == 0 {
            self.chunks.remove(at);
            self.firsts.remove(at);
        } else if len < SHORT && (with_next || with_last) {
            let left = if with_next { at } else { at - 1 };
            let right = self.chunks.remove(left + 1);
            self.firsts.remove(left + 1);
            self.chunks[left].extend(right);
            self.firsts[left] = self.chunks[left][0].clone();
        } else {
            let chunk = &mut self.chunks[at];
            if chunk.capacity() > 4 * len.max(4) {
                chunk.shrink_to(2 * len);
            }
            if self.firsts[at] != chunk[0] {
                self.firsts[at] = chunk[0].clone();
            }
        }
    }
}

/// A chunk with changes applied, in one pass over both.
fn merged(chunk: Vec<UserId>, changes: &[(&UserId, bool)]) -> Vec<UserId> {
    let mut merged = Vec::with_capacity(chunk.len() + changes.len());
    let mut changes = changes.iter().peekable();
    for user in chunk {
        enter_until(&mut merged, &mut changes, Some(&user));
        match changes.next_if(|change| *change.0 == user) {
            Some((_, false)) => {}
            _ => merged.push(user),
        }
    }
    enter_until(&mut merged, &mut changes, None);
    merged
}

/// Adds the entering users that come before `end`.
fn enter_until<'a>(
    into: &mut Vec<UserId>,
    changes: &mut Peekable<impl Iterator<Item = &'a (&'a UserId, bool)>>,
    end: Option<&UserId>,
) {
    while let Some((user, enters)) = changes.next_if(|change| end.is_none_or(|end| change.0 < end)) {
        if *enters {
            into.push((*user).clone());
        }
    }
}

impl FromIterator<UserId> for Users {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Self {
        let mut users: Vec<UserId> = users.into_iter().collect();
        users.sort_unstable();
        users.dedup();
        let mut sorted = Self::default();
        sorted.apply(users.iter().map(|user| (user, true)));
        sorted
    }
}

/// Iterator over users in order; see [`Users::iter`].
pub type Iter<'a> = std::iter::Flatten<std::slice::Iter<'a, Vec<UserId>>>;

impl<'a> IntoIterator for &'a Users {
    type Item = &'a UserId;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other)
    }
}

impl Eq for Users {}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

/// Serialises as a sequence of ids.
impl Serialize for Users {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut sequence = to.serialize_seq(Some(self.len))?;
        for user in self.chunks.iter().flat_map(|chunk| chunk.iter()) {
            sequence.serialize_element(user.as_str())?;
        }
        sequence.end()
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Users};
    use crate::model::UserId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;
    use std::ops::Bound;

    fn user(n: u32) -> UserId {
        UserId::new(format!("user-{n}")).unwrap()
    }

    /// Changes as `apply` expects them: sorted, one for each user.
    fn changes() -> impl Strategy<Value = BTreeMap<UserId, bool>> {
        let scattered = prop::collection::btree_map((0..4_000u32).prop_map(user), any::<bool>(), 0..200);
        // Many users that enter or leave at once, adjacent or not.
        let many =
            (0..4_000u32, 1..3_000u32, 1..5u32, any::<bool>()).prop_map(|(from, count, step, enters)| {
                (0..count).map(|n| (user((from + n * step) % 4_000), enters)).collect()
            });
        prop_oneof![scattered, many]
    }

    proptest! {
        #[test]
        fn the_user_set_behaves_like_a_set(batches in prop::collection::vec(changes(), 0..12), at in 0..4_000u32) {
            let (mut users, mut set) = (Users::default(), BTreeSet::new());
            for batch in batches {
                users.apply(batch.iter().map(|(user, enters)| (user, *enters)));
                for (user, enters) in batch {
                    if enters { set.insert(user); } else { set.remove(&user); }
                }
                prop_assert_eq!(users.len(), set.len());
                prop_assert!(users.iter().eq(&set));
                prop_assert!(users.after(None).eq(&set));
                let rest = set.range((Bound::Excluded(user(at)), Bound::Unbounded));
                prop_assert!(users.after(Some(&user(at))).eq(rest));
                // No chunk is too long, and no two neighbours are both too short.
                prop_assert!(users.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
                prop_assert!(users.chunks.windows(2).all(|pair| pair[0].len() + pair[1].len() > CHUNK / 8));
                prop_assert!(users.chunks.iter().map(|chunk| &chunk[0]).eq(&users.firsts));
            }
            prop_assert_eq!(serde_json::to_vec(&users).unwrap(), serde_json::to_vec(&set).unwrap());
        }
    }
}
