//! The state of a session according to its facts, and whether that differs from
//! the last reconciliation.

use crate::liveness::{self, Liveness};
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::roster::work;
use crate::time::Timestamp;

/// The state of a session, and the time that it was judged at.
pub(crate) type Verdict = (Liveness, Timestamp);

impl Shard {
    /// The state of a session according to the facts, and the time that it was judged at.
    pub fn verdict(&self, at: u32, reconciler: &Reconciler<'_>) -> Verdict {
        work::step();
        let Some(view) = reconciler.times.of(&self.slots[at]) else {
            return (Liveness::Gone, Timestamp::ZERO);
        };
        (liveness::classify(&self.vitals(at), reconciler.policy, view), view.now())
    }

    /// Whether reconciling a session with this verdict would change nothing.
    pub fn is_reconciled(&self, at: u32, verdict: Verdict) -> bool {
        let slot = &self.slots[at];
        // A user's only session needs no further check if it has no declaration and is not hidden.
        // That is the common case.
        let can_hide = slot.has(flag::HIDDEN) || !slot.is_only() || slot.cold.is_some();
        self.is_session_reconciled(at, verdict)
            && (!can_hide || self.hides(self.head_of(at)) == slot.has(flag::HIDDEN))
    }

    /// Whether a session's state is what it was at the last reconciliation.
    pub fn is_session_reconciled(&self, at: u32, (state, now): Verdict) -> bool {
        let slot = &self.slots[at];
        state == slot.state && slot.is_reconciled_at(now)
    }

    /// Checks a session that is due. A session that is alive and unchanged, as nearly all are, is
    /// only scheduled for its next check, which reads no more than the second cache line of the
    /// slot. For any other session, returns the verdict.
    pub fn check(&mut self, at: u32, reconciler: &Reconciler<'_>) -> Option<Verdict> {
        let slot = &self.slots[at];
        let Some(view) = reconciler.times.of(slot).filter(|_| slot.state.is_live()) else {
            return Some(self.verdict(at, reconciler));
        };
        work::step();
        let vitals = self.vitals(at);
        let verdict = (liveness::classify(&vitals, reconciler.policy, view), view.now());
        if slot.has(flag::TOUCH_DUE) || !self.is_reconciled(at, verdict) {
            return Some(verdict);
        }
        self.queue_check_of(at, &vitals, view, reconciler);
        None
    }

    /// Reconciles a session if that would change anything; returns whether it did.
    pub fn reconcile_if_due(&mut self, at: u32, reconciler: &Reconciler<'_>) -> bool {
        let verdict = self.verdict(at, reconciler);
        let is_due = !self.is_reconciled(at, verdict);
        if is_due {
            self.reconcile_as(at, verdict, reconciler);
        }
        is_due
    }
}
