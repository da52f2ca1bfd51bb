//! The view that a watched client has of its room.

use crate::protocol::Notice;
use std::collections::BTreeSet;
use std::time::Instant;

/// The members of a room, as one client was sent them.
#[derive(Default)]
pub struct Watch {
    members: BTreeSet<String>,
    /// The count, if the room is sent as counts.
    online: Option<u64>,
    /// Every user who was shown to leave, once for each time.
    pub left: Vec<String>,
    /// The lengths of the lists that it requested.
    pub listed: Vec<usize>,
    /// The number of joins, leaves and counts that it received.
    pub changes: usize,
    /// When it received the last of them.
    pub changed_at: Option<Instant>,
}

impl Watch {
    pub fn apply(&mut self, notice: Notice<'_>) {
        if matches!(notice, Notice::Joined(_) | Notice::Left(_) | Notice::Online(_)) {
            self.changed_at = Some(Instant::now());
            self.changes += 1;
        }
        match notice {
            Notice::State => {
                self.members.clear();
                self.online = None;
            }
            Notice::Joined(user) => {
                self.online = None;
                self.members.insert(user.to_owned());
            }
            Notice::Left(user) => {
                self.members.remove(user);
                self.left.push(user.to_owned());
            }
            Notice::Online(count) => self.online = Some(count),
            Notice::Listed(count) => self.listed.push(count),
        }
    }

    /// The number of members.
    pub fn online(&self) -> usize {
        self.online.map_or(self.members.len(), |count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Whether this user is a member.
    pub fn shows(&self, user: &str) -> bool {
        self.members.contains(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_replaces_what_was_known_and_counts_replace_names() {
        let mut watch = Watch::default();
        for notice in [Notice::State, Notice::Joined("ada"), Notice::Joined("bob"), Notice::Left("ada")] {
            watch.apply(notice);
        }
        assert_eq!((watch.online(), watch.left.len(), watch.shows("bob")), (1, 1, true));
        watch.apply(Notice::Online(5_000));
        assert_eq!(watch.online(), 5_000);
        watch.apply(Notice::State);
        assert_eq!(watch.online(), 0);
    }
}
