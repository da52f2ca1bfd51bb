//! Renewals: the fast path for heartbeats that change nothing but times.

use crate::liveness::Liveness;
use crate::model::{Activity, Beat, BeatKind};
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::{Slot, flag};
use crate::roster::{BeatSource, StoreWrite};
use crate::time::Timestamp;
use std::time::Duration;

impl Shard {
    /// Records a heartbeat that only renews a session, and does not change the state of its user.
    /// `None` if the heartbeat does more than that: then
    /// [`Roster::enter`](crate::roster::Roster::enter) must handle it.
    #[inline]
    pub(crate) fn renew(
        &mut self,
        at: u32,
        beat: &Beat,
        by: BeatSource,
        policy: &crate::Policy,
        stamp: Timestamp,
        now: Timestamp,
    ) -> Option<StoreWrite> {
        if beat.kind == BeatKind::Enter
            || beat.declares.is_some()
            || beat.meta.is_some()
            || beat.lease.is_some()
        {
            return None;
        }
        let slot = &mut self.slots[at];
        if slot.has(flag::LEFT | flag::OWN_TIME)
            || slot.stored.is_missing()
            || (by == BeatSource::Connection && !(slot.has(flag::HELD_HERE) && slot.has(flag::HELD)))
            // The first heartbeat of a session that a declaration entered changes the rule by which
            // it is judged, so it must be reconciled.
            || slot.seen_at == Timestamp::ZERO
        {
            return None;
        }
        if beat.topics.as_ref().is_some_and(|topics| !slot.is_in(topics)) {
            return None;
        }
        let active_at = activity(beat.activity, stamp).unwrap_or_default().max(slot.active_at);
        match slot.state {
            Liveness::Gone => return None,
            // Earlier activity was limited to the last heartbeat, and may count only now, so the
            // session must be reconciled.
            Liveness::Idle if active_at > slot.active_at.min(slot.seen_at) => return None,
            Liveness::Idle | Liveness::Active => {}
        }
        let placed_at = slot.placed_at;
        // The heartbeats of its node renew a held session. While they arrive, only new activity has
        // to be written. In milliseconds, since dividing and comparing a `Duration` takes longer.
        let renew_every = if slot.has(flag::HELD) && slot.is_renewed_by_node(stamp) {
            if active_at == slot.active_at && active_at <= slot.seen_at {
                slot.seen_at = slot.seen_at.max(stamp);
                slot.flags |= flag::TRACKED;
                return Some(StoreWrite::Postponed { placed_at });
            }
            u64::MAX
        } else {
            u64::from(slot.lease_millis) / 4
        };
        let unseen_for = stamp.as_millis().saturating_sub(slot.seen_at.as_millis());
        let fresh = (unseen_for < renew_every || unseen_for == 0)
            && (active_at == slot.active_at || active_at.since(slot.active_at) < policy.active_for / 4);
        slot.seen_at = slot.seen_at.max(stamp);
        slot.active_at = active_at;
        slot.flags |= flag::TRACKED;
        if !fresh {
            slot.set(flag::TOUCH_DUE, false);
            return Some(slot.touch());
        }
        if !slot.has(flag::TOUCH_DUE) {
            slot.set(flag::TOUCH_DUE, true);
            let within = Duration::from_millis(renew_every).min(policy.active_for / 4);
            self.check_in(at, now, within.saturating_sub(Duration::from_millis(unseen_for)));
        }
        Some(StoreWrite::Postponed { placed_at })
    }
}

impl Slot {
    /// Whether the process that holds the session is known to send heartbeats.
    fn is_renewed_by_node(&self, stamp: Timestamp) -> bool {
        self.has(flag::HELD_HERE) || stamp.since(self.node.seen_at()) < self.lease() / 2
    }
}

/// When the user was last active, according to a heartbeat; `None` if the heartbeat does
/// not say so.
#[inline]
pub(crate) fn activity(activity: Activity, stamp: Timestamp) -> Option<Timestamp> {
    match activity {
        Activity::Unknown => None,
        Activity::Now => Some(stamp),
        Activity::Ago(ago) => Some(stamp - ago),
        Activity::At(at) => Some(at.min(stamp)),
    }
}
