//! Fields that most sessions do not have (departure, meta, declaration). They are in a box of their
//! own, so that a slot is small.

use crate::model::{Declared, Departure, Meta, Session};
use crate::roster::sessions::slot::{Slot, flag};
use crate::time::Timestamp;

#[derive(Default)]
pub(crate) struct Cold {
    left: Option<Departure>,
    meta: Option<Meta>,
    declaration: Option<Box<DeclaredState>>,
}

/// The declaration of a session. It is kept after it has stopped counting, so that an older one
/// that arrives late does not replace it.
struct DeclaredState {
    declared: Declared,
    /// Whether the declaration counted at the last reconciliation.
    counts: bool,
}

impl Cold {
    /// Recomputes whether the declaration counts at `now`.
    pub fn reconcile_at(&mut self, now: Timestamp) {
        if let Some(declaration) = &mut self.declaration {
            declaration.counts = declaration.declared.counts_at(now);
        }
    }

    /// Whether [`reconcile_at`](Self::reconcile_at) would change nothing.
    pub fn is_reconciled_at(&self, now: Timestamp) -> bool {
        self.declaration
            .as_deref()
            .is_none_or(|declaration| declaration.counts == declaration.declared.counts_at(now))
    }

    /// Applies `shift` to the times that this process stamped. `declared.until` is unchanged, since
    /// the host chose it.
    pub fn shift(&mut self, shift: impl Fn(&mut Timestamp)) {
        if let Some(left) = &mut self.left {
            shift(&mut left.at);
            shift(&mut left.ends_at);
        }
        if let Some(declaration) = &mut self.declaration {
            shift(&mut declaration.declared.at);
        }
    }
}

impl Slot {
    /// The departure of the session, if it has left.
    pub fn left(&self) -> Option<Departure> {
        if self.has(flag::LEFT) { self.cold.as_ref()?.left } else { None }
    }

    /// Replaces the departure.
    pub fn set_left(&mut self, left: Option<Departure>) {
        self.set(flag::LEFT, left.is_some());
        self.change_cold(left.is_some(), |cold| cold.left = left);
    }

    /// The host's metadata of the session.
    pub fn meta(&self) -> Option<&Meta> {
        self.cold.as_ref()?.meta.as_ref()
    }

    /// Replaces the host's metadata.
    pub fn set_meta(&mut self, meta: Option<Meta>) {
        self.change_cold(meta.is_some(), |cold| cold.meta = meta);
    }

    /// The session's last declaration, whether or not it still counts.
    pub fn declared(&self) -> Option<&Declared> {
        self.cold.as_ref()?.declaration.as_deref().map(|declaration| &declaration.declared)
    }

    /// The session's last declaration, if it counted at the last reconciliation.
    pub fn counting_declaration(&self) -> Option<&Declared> {
        let declaration = self.cold.as_ref()?.declaration.as_deref();
        declaration.filter(|declaration| declaration.counts).map(|declaration| &declaration.declared)
    }

    /// Whether the declaration in this slot is newer than the one in `stored`.
    pub fn declares_over(&self, stored: &Session) -> bool {
        self.declared()
            .is_some_and(|known| stored.declared.as_ref().is_none_or(|stored| known.supersedes(stored)))
    }

    /// Replaces the declaration; the next reconciliation computes whether it counts.
    pub fn set_declared(&mut self, declared: Option<Declared>) {
        let declaration = declared.map(|declared| Box::new(DeclaredState { declared, counts: false }));
        self.change_cold(declaration.is_some(), |cold| cold.declaration = declaration);
    }

    /// Changes the cold fields. The box is allocated if `enters` (a value is set), and freed once
    /// all fields are empty.
    fn change_cold(&mut self, enters: bool, change: impl FnOnce(&mut Cold)) {
        if enters {
            change(self.cold.get_or_insert_default());
        } else if let Some(cold) = &mut self.cold {
            change(cold);
            if cold.left.is_none() && cold.meta.is_none() && cold.declaration.is_none() {
                self.cold = None;
            }
        }
    }
}
