//! Schedules the next check of a session: the earliest time at which its state can change without
//! new facts.

use crate::liveness::{self, Policy, Vitals};
use crate::roster::reconcile::transition::Reconciler;
use crate::roster::sessions::memberships::Memberships;
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::Slot;
use crate::time::ViewClock;
use std::time::Duration;

impl Shard {
    /// Schedules the next check of a session whose state is up to date, for when that may change.
    pub fn queue_check(&mut self, at: u32, reconciler: &Reconciler<'_>) {
        match reconciler.times.of(&self.slots[at]) {
            Some(view) => self.queue_check_of(at, &self.vitals(at), view, reconciler),
            None => self.check_in(at, reconciler.times.now, Duration::from_secs(1)),
        }
    }

    /// Like [`queue_check`](Self::queue_check), for a caller that has already read the session's
    /// vitals and its view.
    pub fn queue_check_of(
        &mut self,
        at: u32,
        vitals: &Vitals,
        view: &ViewClock,
        reconciler: &Reconciler<'_>,
    ) {
        let after = next_check_after(&self.slots[at], vitals, view, reconciler.policy);
        // The view lags behind the process's clock by the time since the last proof. By the time of
        // the check, the next proof is expected to have made up for that.
        let after = after.saturating_sub(reconciler.times.unproven_for(view));
        self.check_in(at, reconciler.times.now, after);
    }
}

/// The time until the next change of a session, according to its facts.
fn next_check_after(slot: &Slot, vitals: &Vitals, view: &ViewClock, policy: &Policy) -> Duration {
    if !slot.state.is_live() {
        // From then on, the sweep schedules the checks of this session itself.
        let forget_at = liveness::gone_at(vitals, view) + Policy::memory(slot.lease());
        return forget_at.since(view.now());
    }
    let stays_end = match &slot.memberships {
        Memberships::Many(memberships) => memberships
            .iter()
            .filter(|membership| membership.in_effect)
            .filter_map(|membership| membership.until)
            .min(),
        _ => None,
    };
    let declared_ends = slot.declared().and_then(|declared| declared.until).filter(|&at| at > view.now());
    let changes_at = liveness::next_change_of(slot.state, vitals, policy, view);
    let next = [changes_at, stays_end, declared_ends];
    next.into_iter().flatten().min().map_or(Duration::from_mins(1), |next| next.since(view.now()))
}
