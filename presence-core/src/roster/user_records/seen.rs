//! When a user was last seen, as other users may know it, and the record that is kept of this.

use crate::model::Status;
use crate::roster::Roster;
use crate::roster::sessions::shard::Shard;
use crate::time::Timestamp;

impl Roster {
    /// Drops a session that has been gone for long, and records when its user was last seen, if the
    /// policy says so.
    pub(crate) fn let_go(&self, locked: &mut Shard, at: u32) {
        if self.settings.policy.remember_for.is_some() {
            let head = locked.head_of(at);
            let (user, seen_at) = (locked.slots[at].user.clone(), locked.shown_seen(head));
            locked.records.note_seen(&user, seen_at);
        }
        self.drop_session(locked, at);
    }
}

impl Shard {
    /// When a user was last seen, as other users may know it: at most the time of
    /// leaving or hiding.
    pub(crate) fn shown_seen(&self, head: u32) -> Timestamp {
        let seen = self.chain(head).map(|at| self.slots[at].seen_or_left()).max().unwrap_or_default();
        self.hidden_at(head, seen).unwrap_or(seen)
    }

    /// When a user declared to be offline, if the user was hidden when last seen.
    fn hidden_at(&self, head: u32, seen: Timestamp) -> Option<Timestamp> {
        let declared =
            self.chain(head).filter_map(|at| Some((self.slots[at].declared()?, &self.slots[at].id)));
        let (newest, _) = declared.max_by_key(|(declared, id)| (declared.at, *id))?;
        (newest.status == Status::Offline && newest.counts_at(seen)).then_some(newest.at)
    }

    /// Whether a gone user was not hidden, and at least one session lapsed instead of leaving.
    pub(crate) fn has_lapsed_in_the_open(&self, head: u32) -> bool {
        let seen = self.chain(head).map(|at| self.slots[at].seen_or_left()).max().unwrap_or_default();
        self.hidden_at(head, seen).is_none() && self.chain(head).any(|at| self.slots[at].left().is_none())
    }
}
