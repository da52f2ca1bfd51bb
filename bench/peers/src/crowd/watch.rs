//! The view that a watched client has of its room.

use crate::protocol::Heard;
use std::collections::BTreeSet;
use std::time::Instant;

/// The members of a room, as one client was told.
#[derive(Default)]
pub struct Watch {
    members: BTreeSet<String>,
    /// The count, if the room is told in counts.
    online: Option<u64>,
    /// Every user who was shown to leave, once for each time.
    pub left: Vec<String>,
    /// The lengths of the lists that it requested.
    pub listed: Vec<usize>,
    /// The number of joins, leaves and counts that it received.
    pub changes: usize,
    /// When it received the last of them.
    pub heard_at: Option<Instant>,
}

impl Watch {
    pub fn hear(&mut self, heard: Heard<'_>) {
        if matches!(heard, Heard::Joined(_) | Heard::Left(_) | Heard::Online(_)) {
            self.heard_at = Some(Instant::now());
            self.changes += 1;
        }
        match heard {
            Heard::State => {
                self.members.clear();
                self.online = None;
            }
            Heard::Joined(user) => {
                self.online = None;
                self.members.insert(user.to_owned());
            }
            Heard::Left(user) => {
                self.members.remove(user);
                self.left.push(user.to_owned());
            }
            Heard::Online(count) => self.online = Some(count),
            Heard::Listed(count) => self.listed.push(count),
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
        for heard in [Heard::State, Heard::Joined("ada"), Heard::Joined("bob"), Heard::Left("ada")] {
            watch.hear(heard);
        }
        assert_eq!((watch.online(), watch.left.len(), watch.shows("bob")), (1, 1, true));
        watch.hear(Heard::Online(5_000));
        assert_eq!(watch.online(), 5_000);
        watch.hear(Heard::State);
        assert_eq!(watch.online(), 0);
    }
}
