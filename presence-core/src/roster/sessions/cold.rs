//! What most sessions do not have: a departure, a meta, a declaration. Kept apart, so that a slot
//! stays small.

use crate::model::{Declared, Departure, Meta, Session};
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::Timestamp;

#[derive(Default)]
pub(crate) struct Cold {
    left: Option<Departure>,
    meta: Option<Meta>,
    said: Option<Box<Said>>,
}

/// What a session declared. It is kept when it no longer counts: an older one must not come back in
/// its place.
struct Said {
    declared: Declared,
    /// Whether it counted when the session was last settled.
    counts: bool,
}

impl Cold {
    /// Settles whether the declaration counts at `now`.
    pub fn reconcile_at(&mut self, now: Timestamp) {
        if let Some(said) = &mut self.said {
            said.counts = said.declared.counts_at(now);
        }
    }

    /// Whether settling would change nothing.
    pub fn is_reconciled_at(&self, now: Timestamp) -> bool {
        self.said.as_deref().is_none_or(|said| said.counts == said.declared.counts_at(now))
    }

    /// Changes the times that this process stamped.
    pub fn shift(&mut self, shift: impl Fn(&mut Timestamp)) {
        if let Some(left) = &mut self.left {
            shift(&mut left.at);
            shift(&mut left.ends_at);
        }
        if let Some(said) = &mut self.said {
            shift(&mut said.declared.at);
        }
    }
}

impl Slot {
    /// Whether and when it left.
    pub fn left(&self) -> Option<Departure> {
        if self.has(flag::LEFT) { self.cold.as_ref()?.left } else { None }
    }

    /// Replaces the departure.
    pub fn end(&mut self, left: Option<Departure>) {
        self.set(flag::LEFT, left.is_some());
        self.change_cold(left.is_some(), |cold| cold.left = left);
    }

    /// What the host said of it.
    pub fn meta(&self) -> Option<&Meta> {
        self.cold.as_ref()?.meta.as_ref()
    }

    /// Replaces what the host said of it.
    pub fn describe(&mut self, meta: Option<Meta>) {
        self.change_cold(meta.is_some(), |cold| cold.meta = meta);
    }

    /// What it declared last, whether or not that still counts.
    pub fn declared(&self) -> Option<&Declared> {
        self.cold.as_ref()?.said.as_deref().map(|said| &said.declared)
    }

    /// What it declared last, if that counted when it was last settled.
    pub fn counting(&self) -> Option<&Declared> {
        let said = self.cold.as_ref()?.said.as_deref();
        said.filter(|said| said.counts).map(|said| &said.declared)
    }

    /// Whether it declared something that `stored` does not know of.
    pub fn declares_over(&self, stored: &Session) -> bool {
        self.declared()
            .is_some_and(|known| stored.declared.as_ref().is_none_or(|stored| known.supersedes(stored)))
    }

    /// Replaces what it declared; settling says whether that counts.
    pub fn say(&mut self, declared: Option<Declared>) {
        let said = declared.map(|declared| Box::new(Said { declared, counts: false }));
        self.change_cold(said.is_some(), |cold| cold.said = said);
    }

    /// Changes what is rare: made if something is to be entered, given back once nothing is left of
    /// it.
    fn change_cold(&mut self, enters: bool, change: impl FnOnce(&mut Cold)) {
        if enters {
            change(self.cold.get_or_insert_default());
        } else if let Some(cold) = &mut self.cold {
            change(cold);
            if cold.left.is_none() && cold.meta.is_none() && cold.said.is_none() {
                self.cold = None;
            }
        }
    }
}
